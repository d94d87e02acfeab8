"""Control flow v2 and function calls, written out as a graph without functions.

An If becomes the Switch and Merge that control flow v1 creates for a tf.cond, and a While its Enter, Merge, Switch and
Exit. So later steps see one form of conditionals, and values can be traced from end to end.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import tensorflow as tf

from tfbn import _tensorflow
from tfbn.export import preserve_names
from tfbn.graphdef.graph import Graph
from tfbn.graphdef.load import IMPORT_ERRORS
from tfbn.graphdef.messages import reason
from tfbn.graphdef.nodes import Tensor, control_inputs, copy_node, data_inputs, set_inputs, split_tensor

_CALLS = ("PartitionedCall", "StatefulPartitionedCall")
_IFS = ("If", "StatelessIf")
_CASES = ("Case", "StatelessCase")
_WHILES = ("While", "StatelessWhile")


class _Inlined(NamedTuple):
    """A function's body in place of a call of it."""

    results: list[Tensor]
    controls: list[str]  # ops that run although the results do not need them


class _Branch(NamedTuple):
    function: str
    name: str
    predicate: Tensor
    side: int  # the output of a Switch by the predicate that is live in it


def flatten(graph: Graph, outputs: Iterable[Tensor]) -> Graph:
    """The same graph without calls of functions.

    Other ops keep their names, and so do `outputs`; ops of a body are prefixed with the call's name. A function that
    only an op's attributes name, as a dataset's, stays a function.
    """
    if not graph.library.function:
        return graph
    flattening = _Flattening(graph)
    flattening.add(graph.values(), "", None)
    flat = flattening.flat
    flat.redirect(flattening.instead, flattening.done)
    preserve_names.restore(flat, outputs, flattening.instead, lambda name, index: flattening.dtypes(graph[name])[index])
    return flat


class _Flattening:
    def __init__(self, graph: Graph) -> None:
        self.functions = {function.signature.name: function for function in graph.library.function}
        self.flat = Graph([], graph)
        self.flat.reserved = set(graph)
        self.scopes = {name[: i + 1] for name in graph for i, letter in enumerate(name) if letter == "/"}
        self.instead: dict[Tensor, Tensor] = {}  # for the outputs of calls, and the arguments of bodies
        self.done: dict[str, list[str]] = {}  # the ops to wait for in place of a call

    def add(self, definitions: Iterable[Any], prefix: str, pivot: str | None) -> None:
        """Adds ops of the graph or of a body; in a body, ops without inputs wait for `pivot`."""
        for definition in definitions:
            node = copy_node(definition, prefix + definition.name)
            data = [(prefix + name, index) for name, index in data_inputs(definition)]
            controls = [prefix + name for name in control_inputs(definition)]
            if not data and pivot is not None:
                controls.append(pivot)
            set_inputs(node, data, controls)
            called = node.attr["f"].func.name if node.op in _CALLS else node.op
            if called in self.functions:
                self._call(node, called, data)
            elif node.op in _IFS or node.op in _CASES:
                self._branches(node, data[1:], self._if(node) if node.op in _IFS else self._case(node))
            elif node.op in _WHILES:
                self._while(node, data)
            else:
                self.flat[node.name] = node

    def _scope(self, name: str) -> str:
        """A name scope that is free, for the ops of a body."""
        free, number = f"{name}/", 1
        while free in self.scopes:
            free, number = f"{name}_{number}/", number + 1
        self.scopes.add(free)
        return free

    def dtypes(self, call: Any) -> list[tf.DType]:
        """The dtypes of the outputs of a function call."""
        if call.op in self.functions:
            return [tf.as_dtype(item.type) for item in self.functions[call.op].signature.output_arg]
        return [tf.as_dtype(item) for item in call.attr["T" if call.op in _WHILES else "Tout"].list.type]

    def _finish(self, node: Any, body: _Inlined) -> None:
        """Puts the ops created for a call in its place."""
        for index, result in enumerate(body.results):
            self.instead[node.name, index] = result
        sources = [name for name, _ in body.results]
        self.done[node.name] = [*sources, *body.controls, *control_inputs(node)]

    def _inline(self, function: str, prefix: str, arguments: list[Tensor], pivot: str | None) -> _Inlined:
        definition = self.functions[function]
        try:
            graph_def, flat_names = _tensorflow.function_to_graph_def(definition)
        except IMPORT_ERRORS as error:
            raise ValueError(
                f"expected functions that TensorFlow can write out, got {function}, which it cannot: {reason(error)}"
            ) from error
        parameters = [arg.name for arg in definition.signature.input_arg]
        for parameter, argument in zip(parameters, arguments):
            self.instead[prefix + parameter, 0] = argument
        self.add((node for node in graph_def.node if node.name not in parameters), prefix, pivot)
        returned = [split_tensor(flat_names[definition.ret[arg.name]]) for arg in definition.signature.output_arg]
        return _Inlined(
            [(prefix + name, index) for name, index in returned],
            [prefix + name for name in definition.control_ret.values()],
        )

    def _call(self, node: Any, function: str, arguments: list[Tensor]) -> None:
        scope = self._scope(f"{node.name}/call")
        pivot = next(iter(control_inputs(node)), None)
        if arguments:
            # The call may be in a loop or a branch of control flow v1, which only its arguments show.
            dtype = tf.as_dtype(self.functions[function].signature.input_arg[0].type)
            pivot = self.flat.add("Identity", f"{scope}pivot", arguments[:1], control_inputs(node), T=dtype)
        body = self._inline(function, scope, arguments, pivot)
        self._finish(node, body._replace(results=self._after(body.controls, body.results, self.dtypes(node), scope)))

    def _if(self, node: Any) -> list[_Branch]:
        predicate = split_tensor(node.input[0])
        dtype = tf.as_dtype(node.attr["Tcond"].type)
        if dtype != tf.bool:
            predicate = self.flat.add("Cast", f"{node.name}/predicate", [predicate], SrcT=dtype, DstT=tf.bool), 0
        # A separate op for each If, as for a tf.cond of control flow v1, tells its Switches from those of others.
        predicate = self.flat.add("Identity", f"{node.name}/pred_id", [predicate], T=tf.bool), 0
        return [
            _Branch(node.attr["else_branch"].func.name, "else", predicate, 0),
            _Branch(node.attr["then_branch"].func.name, "then", predicate, 1),
        ]

    def _case(self, node: Any) -> list[_Branch]:
        """One predicate for each branch, by its index; the last branch runs for every index without a branch."""
        index, functions = split_tensor(node.input[0]), [each.name for each in node.attr["branches"].list.func]
        branches, earlier = [], None
        for number, function in enumerate(functions[:-1]):
            name = f"{node.name}/branch_{number}"
            number_op = self.flat.add_constant(f"{name}/index", number, control_inputs(node))
            predicate = self.flat.add("Equal", f"{name}/taken", [index, (number_op, 0)], T=tf.int32)
            branches.append(_Branch(function, f"branch_{number}", (predicate, 0), 1))
            either = [(earlier or predicate, 0), (predicate, 0)]
            earlier = self.flat.add("LogicalOr", f"{name}/so_far", either)
        if earlier is None:  # a single branch
            earlier = self.flat.add_constant(f"{node.name}/taken", False, control_inputs(node))
        return [*branches, _Branch(functions[-1], f"branch_{len(functions) - 1}", (earlier, 0), 0)]

    def _branches(self, node: Any, arguments: list[Tensor], branches: list[_Branch]) -> None:
        bodies = []
        for branch in branches:
            signature = self.functions[branch.function].signature
            prefix = self._scope(f"{node.name}/{branch.name}")

            def switched(tensor: Tensor, dtype: Any, name: str, branch: _Branch = branch) -> Tensor:
                switch = self.flat.add("Switch", name, [tensor, branch.predicate], T=tf.as_dtype(dtype))
                return switch, branch.side

            alive = switched(branch.predicate, tf.bool, f"{prefix}switch_pivot")
            pivot = self.flat.add("Identity", f"{prefix}pivot", [alive], control_inputs(node), T=tf.bool)
            passed = [
                switched(tensor, argument.type, f"{prefix}switch_{argument.name}")
                for tensor, argument in zip(arguments, signature.input_arg)
            ]
            body = self._inline(branch.function, prefix, passed, pivot)
            dtypes = [*(tf.as_dtype(each.type) for each in signature.output_arg), tf.bool]
            bodies.append(self._after(body.controls, [*body.results, (pivot, 0)], dtypes, prefix))
        merged = [
            self.flat.add("Merge", f"{node.name}/merge", inputs, N=len(inputs), T=dtype)
            for *inputs, dtype in zip(*bodies, dtypes)
        ]
        self._finish(node, _Inlined([(name, 0) for name in merged[:-1]], merged[-1:]))

    def _after(self, controls: list[str], results: list[Tensor], dtypes: list[tf.DType], scope: str) -> list[Tensor]:
        """The results of a body, once `controls` have run."""
        if not controls:
            return results
        return [
            (self.flat.add("Identity", f"{scope}result", [tensor], controls, T=dtype), 0)
            for tensor, dtype in zip(results, dtypes)
        ]

    def _while(self, node: Any, arguments: list[Tensor]) -> None:
        functions = {key: self.functions[node.attr[key].func.name] for key in ("cond", "body")}
        signature = functions["body"].signature
        frame = {
            "frame_name": node.name.encode(),
            "parallel_iterations": node.attr["parallel_iterations"].i or 10,
        }
        fixed = [
            functions["body"].ret[out.name] == into.name for into, out in zip(signature.input_arg, signature.output_arg)
        ]
        if all(fixed):  # the pivots need an argument that changes
            fixed[0] = False
        names = [each.name for each in signature.input_arg]
        dtypes = [tf.as_dtype(each.type) for each in signature.input_arg]
        entered: list[Tensor] = [
            (
                self.flat.add(
                    "Enter",
                    f"{node.name}/enter_{name}",
                    [argument],
                    control_inputs(node),
                    T=dtype,
                    is_constant=still,
                    **frame,
                ),
                0,
            )
            for name, argument, dtype, still in zip(names, arguments, dtypes, fixed)
        ]
        moving = [number for number, still in enumerate(fixed) if not still]
        merged, inside = list(entered), list(entered)
        for i in moving:
            # The second input, from the previous iteration, does not exist yet.
            merge = self.flat.add("Merge", f"{node.name}/merge_{names[i]}", [entered[i]] * 2, N=2, T=dtypes[i])
            merged[i] = (merge, 0)
        going = self._inline(
            node.attr["cond"].func.name, self._scope(f"{node.name}/cond"), merged, merged[moving[0]][0]
        )
        condition = self.flat.add("LoopCond", f"{node.name}/loop_cond", going.results)
        exits: list[Tensor] = list(arguments)
        for i in moving:
            switch = self.flat.add("Switch", f"{node.name}/switch_{names[i]}", [merged[i], (condition, 0)], T=dtypes[i])
            inside[i] = (switch, 1)
            exits[i] = (self.flat.add("Exit", f"{node.name}/exit_{names[i]}", [(switch, 0)], T=dtypes[i]), 0)
        scope = self._scope(f"{node.name}/body")
        begun = self.flat.add("Identity", f"{scope}pivot", [inside[moving[0]]], T=dtypes[moving[0]])
        body = self._inline(node.attr["body"].func.name, scope, inside, begun)
        results = self._after(body.controls, body.results, dtypes, scope)
        for i in moving:
            again = self.flat.add("NextIteration", f"{node.name}/next_{names[i]}", [results[i]], T=dtypes[i])
            set_inputs(self.flat[merged[i][0]], [entered[i], (again, 0)], [])
        self.instead.update({(node.name, number): tensor for number, tensor in enumerate(exits)})
        self.done[node.name] = [exits[i][0] for i in moving]

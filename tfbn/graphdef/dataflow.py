"""A graph as nodes and edges, read from its GraphDef, function bodies included; no op is added or looked up.

A function has one body for all ops that call it with the same variables; its other arguments may be what any of these
calls passes. So walks are linear in the number of ops, and a call that updates one layer is not taken for one that
updates another.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from typing import Any, NamedTuple

from tfbn.graphdef import walks
from tfbn.graphdef.graph import Graph
from tfbn.graphdef.nodes import control_inputs, data_inputs, input_name
from tfbn.graphdef.op_types import PASSING, VARIABLES, assigns

Tensor = tuple["Node", int]  # an op and the number of its output

_GRADIENTS = re.compile(r"(^|/)gradients(_\d+)?/")
_MAX_SEPARATE_CONTROLS = 4
# Beyond that, calls with other variables share a body: functions that call each other could multiply without end.
_MAX_COPIED_NODES = 500_000
# All callers of a body pass it the same variable; a value may differ from call to call.
_PASSING_HANDLES = PASSING | {"_Arg"}
_ARGUMENTS = {
    "If": 1,
    "StatelessIf": 1,
    "Case": 1,
    "StatelessCase": 1,
    "While": 0,
    "StatelessWhile": 0,
    "PartitionedCall": 0,
    "StatefulPartitionedCall": 0,
}  # the first input that is passed to the bodies


class Node:
    """One op of the graph or of a function's body; or an argument of a body (of the type `_Arg`), or a set of control
    inputs that ops share (of the type `_Controls`).
    """

    __slots__ = ("attr", "bodies", "callers", "controls", "inputs", "name", "type")

    def __init__(self, name: str, type: str, attr: Any = None) -> None:
        self.name, self.type, self.attr = name, type, attr
        self.inputs: list[Tensor] = []
        self.controls: list[Node] = []
        self.bodies: list[Body] = []
        self.callers: list[tuple[Node, int]] = []  # ops in whose body this is, with the number of the body

    def __repr__(self) -> str:
        return f"{self.type} {self.name}"


class Body(NamedTuple):
    arguments: list[Node]
    results: list[Tensor]
    controls: list[Node]  # ops that run although the results do not need them
    nodes: list[Node]


class Dataflow:
    """The nodes of a GraphDef or a Graph, and of the functions that they call.

    Raises:
      ValueError: an op takes an input that the graph does not have.
    """

    def __init__(self, graph_def: Any) -> None:
        definitions = graph_def.values() if isinstance(graph_def, Graph) else graph_def.node
        self._functions = {function.signature.name: function for function in graph_def.library.function}
        self._bodies: dict[tuple[str, tuple[Node | None, ...]], Body] = {}
        self._first: dict[str, Body] = {}  # by function, the body of its first call
        self._incomplete: list[str] = []  # functions, each called by the one before, whose bodies are being read
        self._copied = 0  # number of nodes in the bodies of further calls
        self._passed: dict[Node, Node] = {}  # the variable that an argument of a body is
        self._joined: dict[tuple[str, ...], Node] = {}
        self.nodes = {node.name: Node(node.name, node.op, node.attr) for node in definitions}
        self.all = list(self.nodes.values())  # with those of function bodies
        for definition in definitions:
            node, data, controls = self.nodes[definition.name], data_inputs(definition), control_inputs(definition)
            for tensor in (*data, *((name, 0) for name in controls)):
                if tensor[0] not in self.nodes:
                    raise ValueError(
                        f"expected a whole graph, got one in which {node.name} takes {input_name(tensor)}, which is "
                        "not there."
                    )
            node.inputs = [(self.nodes[name], index) for name, index in data]
            node.controls = self._controls(controls)
        for node in self.nodes.values():
            self._call(node)

    def _controls(self, names: list[str]) -> list[Node]:
        """The control inputs; many are joined in one node, which the ops of a train op under UPDATE_OPS share."""
        if len(names) <= _MAX_SEPARATE_CONTROLS:
            return [self.nodes[name] for name in names]
        key = tuple(names)
        if key not in self._joined:
            self._joined[key] = joined = Node("", "_Controls")
            joined.controls = [self.nodes[name] for name in names]
            self.all.append(joined)
        return [self._joined[key]]

    def _call(self, node: Node) -> None:
        if node.type in self._functions:  # called by its name, as before TensorFlow 2
            self._connect(node, [node.type], 0)
        if node.type not in _ARGUMENTS:
            return
        names = [
            name
            for attr in node.attr.values()
            for name in ([attr.func.name] if attr.HasField("func") else [f.name for f in attr.list.func])
        ]
        self._connect(node, sorted(names, key=_then_first(node)), _ARGUMENTS[node.type])

    def _connect(self, node: Node, names: list[str], first: int) -> None:
        variables = tuple(self._variable(passed) for passed in node.inputs[first:])
        for number, name in enumerate(names):
            if name not in self._functions:
                continue
            body = self._body(name, variables)
            node.bodies.append(body)
            for inner in body.nodes:
                inner.callers.append((node, number))
            for argument, passed in zip(body.arguments, node.inputs[first:]):
                argument.inputs.append(passed)

    def _variable(self, tensor: Tensor) -> Node | None:
        """The variable that a call passes as this tensor, or None."""
        node, _ = origin_of(tensor)
        return node if node.type in VARIABLES else self._passed.get(node)

    def _body(self, name: str, variables: tuple[Node | None, ...] = ()) -> Body:
        """The body for calls with these variables."""
        key = (name, variables)
        if key in self._bodies:
            return self._bodies[key]
        function = self._functions[name]
        if name in self._first:
            if name in self._incomplete or self._copied > _MAX_COPIED_NODES:
                return self._first[name]
            self._copied += len(function.node_def)
        arguments = [Node(f"{name}/{arg.name}", "_Arg") for arg in function.signature.input_arg]
        by_name = {arg.name: node for arg, node in zip(function.signature.input_arg, arguments)}
        by_name.update({op.name: Node(f"{name}/{op.name}", op.op, op.attr) for op in function.node_def})
        body = self._bodies[key] = Body(arguments, [], [], list(by_name.values()))
        self._first.setdefault(name, body)
        self.all += body.nodes
        self._passed.update((node, variable) for node, variable in zip(arguments, variables) if variable is not None)

        def tensor(text: str) -> Tensor:
            name, _, output = text.partition(":")
            output, _, index = output.partition(":")
            # An op that calls functions has one list of outputs; Switch and FusedBatchNorm name theirs.
            return by_name[name], _OUTPUTS.get(output, int(index or 0))

        for definition in function.node_def:
            node = by_name[definition.name]
            for text in definition.input:
                if text[0] == "^":
                    node.controls.append(by_name[text[1:]])
                else:
                    node.inputs.append(tensor(text))
        self._incomplete.append(name)
        for definition in function.node_def:
            self._call(by_name[definition.name])
        self._incomplete.pop()
        body.results.extend(tensor(function.ret[arg.name]) for arg in function.signature.output_arg)
        body.controls.extend(by_name[op] for op in function.control_ret.values())
        return body

    def in_functions(self) -> list[Node]:
        """The nodes of all functions that the graph's ops call, or name in an attribute as a dataset does."""

        def follow(node: Node) -> Iterator[Node]:
            for body in node.bodies:
                yield from body.nodes
            attrs = node.attr.values() if node.attr is not None else ()
            named = [function.name for attr in attrs for function in (attr.func, *attr.list.func)]
            for name in (node.type, *named):
                if name in self._functions and not node.bodies:
                    yield from (self._first.get(name) or self._body(name)).nodes

        own = set(self.nodes.values())
        return [node for node in walks.in_order(self.nodes.values(), follow) if node not in own]

    def reach(self, starts: Iterable[Node], follow: Callable[[Node], Iterable[Node]] | None = None) -> set[Node]:
        """All nodes that run when `starts` do, or that `follow` leads to."""
        return walks.reach(starts, follow or requirements)

    def consumers(self) -> dict[Node, list[Node]]:
        """The nodes that each node is an input or a control input of."""
        consumers: dict[Node, list[Node]] = {node: [] for node in self.all}
        for node in self.all:
            for before in (*(source for source, _ in node.inputs), *node.controls):
                consumers[before].append(node)
        return consumers

    def in_order(self) -> list[Node]:
        """All nodes, each after what it requires; the Merge at the head of a loop does not wait for it."""
        return walks.in_order(self.all, _forward)


def controls_of(node: Node) -> list[Node]:
    """The ops that are control inputs, one by one."""
    return [op for control in node.controls for op in (control.controls if control.type == "_Controls" else [control])]


# Indices of named outputs, for the ops whose outputs matter here.
_OUTPUTS = {"output_false": 0, "output_true": 1, "y": 0, "batch_mean": 1, "batch_variance": 2}


def _then_first(node: Node) -> Callable[[str], bool]:
    """A sort key that puts the then-branch of an If first: attributes come in any order."""
    first = node.attr["then_branch"].func.name if "then_branch" in node.attr else ""
    return lambda name: name != first


def data(node: Node) -> Iterator[Node]:
    """The nodes whose values this one takes."""
    for source, _ in node.inputs:
        yield source
    for body in node.bodies:
        for source, _ in body.results:
            yield source


def requirements(node: Node) -> Iterator[Node]:
    """All nodes that run before this one can."""
    yield from data(node)
    yield from node.controls
    for body in node.bodies:
        yield from body.controls


class Upstream:
    """The marked nodes that each node comes after, computed in one pass over the graph for all marks.

    Args:
      order: the nodes, as `Dataflow.in_order` has them.
      before: what a node comes after directly, such as `data` or `requirements`.
      marks: by node; several nodes may have the same.
    """

    def __init__(
        self, order: Iterable[Node], before: Callable[[Node], Iterable[Node]], marks: Mapping[Node, Any]
    ) -> None:
        self._marks = list(dict.fromkeys(marks.values()))
        bits = {mark: 1 << number for number, mark in enumerate(self._marks)}
        self._masks: dict[Node, int] = {}
        for node in order if marks else ():
            mask = bits[marks[node]] if node in marks else 0
            for source in before(node):
                mask |= self._masks.get(source, 0)
            if mask:
                self._masks[node] = mask

    def of(self, node: Node) -> set[Any]:
        """The marks that a node has or comes after."""
        mask = self._masks.get(node, 0)
        return {mark for number, mark in enumerate(self._marks) if mask >> number & 1} if mask else set()


def names_of(nodes: Iterable[Node]) -> str:
    """Their names, sorted, for a message."""
    return ", ".join(sorted({node.name for node in nodes}))


def is_gradient(node: Node) -> bool:
    """Whether tf.gradients created it, which names its scopes itself."""
    return "gradients" in node.name and _GRADIENTS.search(node.name) is not None


def is_assignment(node: Node) -> bool:
    return assigns(node.type)


def source_of(tensor: Tensor) -> Node:
    """The source of a handle or a reference: a variable, if it belongs to one."""
    return origin_of(tensor, _PASSING_HANDLES)[0]


def origin_of(tensor: Tensor, passing: Set[str] = PASSING) -> Tensor:
    """The source of a value that ops of the types in `passing` only pass on, such as into a branch or a loop."""
    node, index = tensor
    visited = set()
    while node.type in passing and node.inputs and node not in visited:
        visited.add(node)
        node, index = node.inputs[0]
    return node, index


def _forward(node: Node) -> Iterator[Node]:
    if node.type != "Merge":
        return requirements(node)
    return (before for before in requirements(node) if before.type != "NextIteration")

"""A graph that can be edited: NodeDefs by name, with the functions and versions of the GraphDef they come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow as tf

from tfbn.graphdef import walks
from tfbn.graphdef.messages import reason
from tfbn.graphdef.nodes import Tensor, become_constant, control_inputs, copy_node, data_inputs, set_attr, set_inputs


class Graph(dict[str, Any]):
    """NodeDefs by name, in the graph's order.

    `like` is the GraphDef or the Graph from which the functions and versions are taken.
    """

    def __init__(self, nodes: Iterable[Any], like: Any) -> None:
        super().__init__((node.name, node) for node in nodes)
        self.library, self.versions = like.library, like.versions
        self.reserved: set[str] = set()  # further names that new ops must not get

    @classmethod
    def from_graph_def(cls, graph_def: Any) -> Graph:
        """A copy of the GraphDef's ops."""
        return cls(map(copy_node, graph_def.node), graph_def)

    def to_graph_def(self) -> Any:
        """A GraphDef of the ops, with the functions that they name."""
        graph_def = tf.compat.v1.GraphDef()
        graph_def.versions.CopyFrom(self.versions)
        graph_def.node.extend(self.values())
        functions = {function.signature.name: function for function in self.library.function}
        waiting = list(self.values()) if functions else []
        while waiting:
            node = waiting.pop()
            called = [function.name for attr in node.attr.values() for function in (attr.func, *attr.list.func)]
            for name in (node.op, *called):
                if name in functions:
                    function = functions.pop(name)
                    graph_def.library.function.append(function)
                    waiting.extend(function.node_def)
        return graph_def

    def to_tensorflow(self) -> tf.Graph:
        """A tf.Graph of the ops, for what only TensorFlow knows: shapes and the definitions of ops.

        Raises:
          ValueError: TensorFlow does not know an op, or refuses the graph.
        """
        graph_def = without_colocation(self.to_graph_def())
        for node in graph_def.node:
            # 1.15 recorded shapes for the gradient of a fused batch norm that later versions do not infer, and refuse.
            node.attr.pop("_output_shapes", None)
        graph = tf.Graph()
        with graph.as_default():
            try:
                tf.import_graph_def(graph_def, name="")
            except (ValueError, tf.errors.OpError) as error:
                raise ValueError(
                    f"expected a graph that TensorFlow imports, got one that it refuses: {reason(error)}"
                ) from error
        return graph

    def copy(self) -> Graph:
        """The same graph with copies of the NodeDefs."""
        return Graph(map(copy_node, self.values()), self)

    def select(self, names: Iterable[str]) -> Graph:
        """The ops of these names, in the graph's order; the NodeDefs are shared."""
        chosen = set(names)
        return Graph((node for name, node in self.items() if name in chosen), self)

    def reach(self, starts: Iterable[str], controls: bool = True) -> set[str]:
        """The names of all ops that run when `starts` do; with `controls=False`, of those whose values these take."""

        def follow(name: str) -> list[str]:
            node = self[name]
            names = [source for source, _ in data_inputs(node)]
            return names + control_inputs(node) if controls else names

        return walks.reach(starts, follow)

    def pruned(self, starts: Iterable[str]) -> Graph:
        """Only the ops that run when `starts` do."""
        return self.select(self.reach(starts))

    def in_order(self) -> list[str]:
        """All names, each after what it takes and waits for; the Merge at the head of a loop does not wait for it."""

        def before(name: str) -> list[str]:
            node = self[name]
            names = [source for source, _ in data_inputs(node)] + control_inputs(node)
            return names if node.op != "Merge" else [source for source in names if self[source].op != "NextIteration"]

        return walks.in_order(self, before)

    def redirect(self, instead: Mapping[Tensor, Tensor], done: Mapping[str, list[str]] | None = None) -> None:
        """Makes consumers take other tensors, and wait for the ops in `done` in place of the op that is its key.

        Ops that waited for a removed op wait for the op of the tensor that replaces its output.
        """
        done = done or {}
        by_op = {name: tensor for (name, _), tensor in instead.items()}

        def waited_for(name: str) -> list[str]:
            if name in done:
                return [waited for other in done[name] for waited in waited_for(other)]
            return [name] if name in self or name not in by_op else [last(by_op[name], instead)[0]]

        for node in self.values():
            data, controls = data_inputs(node), control_inputs(node)
            if any(tensor in instead for tensor in data) or any(op in done or op not in self for op in controls):
                set_inputs(
                    node,
                    (last(tensor, instead) for tensor in data),
                    (other for op in controls for other in waited_for(op)),
                )

    def free_name(self, name: str) -> str:
        """The name, with a number appended if it is in use."""
        free, number = name, 0
        while free in self or free in self.reserved:
            number += 1
            free = f"{name}_{number}"
        return free

    def add(self, op: str, name: str, inputs: Iterable[Tensor], controls: Iterable[str] = (), **attrs: Any) -> str:
        """Adds an op; its attributes are dtypes, bools, ints and bytes. Returns its name, a free one."""
        node = tf.compat.v1.NodeDef(name=self.free_name(name), op=op)
        set_inputs(node, inputs, controls)
        for key, value in attrs.items():
            set_attr(node, key, value)
        self[node.name] = node
        return str(node.name)

    def add_constant(self, name: str, value: Any, controls: Iterable[str] = ()) -> str:
        """Adds a Const and returns its name, a free one."""
        added = self.add("Const", name, [])
        become_constant(self[added], value, controls)
        return added


def last(tensor: Tensor, instead: Mapping[Tensor, Tensor]) -> Tensor:
    """The final replacement of a tensor."""
    while tensor in instead:
        tensor = instead[tensor]
    return tensor


def without_colocation(graph_def: Any) -> Any:
    """The GraphDef, its ops placed on no device and colocated with no other op."""
    for node in graph_def.node:
        node.device = ""
        node.attr.pop("_class", None)
    return graph_def

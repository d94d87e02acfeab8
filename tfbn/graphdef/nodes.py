"""A GraphDef's ops by name, and the edits that all of the export is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow as tf

from tfbn.graphdef.dataflow import PASSING

Tensor = tuple[str, int]  # the name of an op and the number of its output
Nodes = dict[str, Any]  # NodeDefs by name, in the graph's order


def split(text: str) -> Tensor:
    """An input as a NodeDef has it, or a tensor's name; that of an op alone stands for its first output."""
    name, _, index = text.partition(":")
    return name, int(index or 0)


def joined(tensor: Tensor) -> str:
    name, index = tensor
    return f"{name}:{index}" if index else name


def copied(graph_def: Any) -> Nodes:
    """The ops of a GraphDef, free to change."""
    copy = type(graph_def)()
    copy.CopyFrom(graph_def)
    return {node.name: node for node in copy.node}


def graph_def_of(nodes: Nodes, like: Any) -> Any:
    """A GraphDef of these ops, with the functions of `like` that they name, and its versions."""
    made = tf.compat.v1.GraphDef()
    made.versions.CopyFrom(like.versions)
    made.node.extend(nodes.values())
    functions = {function.signature.name: function for function in like.library.function}
    waiting = list(nodes.values()) if functions else []
    while waiting:
        node = waiting.pop()
        named = [each for attr in node.attr.values() for each in (attr.func, *attr.list.func)]
        for name in (node.op, *(each.name for each in named)):
            if name in functions:
                function = functions.pop(name)
                made.library.function.append(function)
                waiting.extend(function.node_def)
    return made


def imported(nodes: Nodes, like: Any) -> tf.Graph:
    """A graph of these ops, for what only TensorFlow knows: shapes and the definitions of ops.

    Raises:
      ValueError: TensorFlow does not know an op, or refuses the graph.
    """
    graph_def = without_colocation(graph_def_of(nodes, like))
    for node in graph_def.node:
        # What 1.15 noted of the gradient of a fused batch norm is not what later versions infer, and they refuse it.
        node.attr.pop("_output_shapes", None)
    graph = tf.Graph()
    with graph.as_default():
        try:
            tf.import_graph_def(graph_def, name="")
        except tf.errors.OpError as error:
            raise ValueError(
                f"expected a graph that TensorFlow imports, got one that it refuses: {error.message}"
            ) from error
    return graph


def without_colocation(graph_def: Any) -> Any:
    """The GraphDef, its ops placed on no device and beside no other op."""
    for node in graph_def.node:
        node.device = ""
        node.attr.pop("_class", None)
    return graph_def


def data_inputs(node: Any) -> list[Tensor]:
    return [split(text) for text in node.input if text[0] != "^"]


def source_of(nodes: Nodes, tensor: Tensor) -> str:
    """The op that a handle or a reference comes from: a variable, if it is one's."""
    name, _ = tensor
    seen = set()
    while nodes[name].op in PASSING and name not in seen:
        seen.add(name)
        name, _ = data_inputs(nodes[name])[0]
    return name


def control_inputs(node: Any) -> list[str]:
    return [text[1:] for text in node.input if text[0] == "^"]


def set_inputs(node: Any, data: Iterable[Tensor], controls: Iterable[str]) -> None:
    del node.input[:]
    node.input.extend(map(joined, data))
    node.input.extend(f"^{name}" for name in dict.fromkeys(controls))


def reach(nodes: Nodes, starts: Iterable[str], controls: bool = True) -> set[str]:
    """The names of all that runs when `starts` do; with `controls=False` of all whose values they take."""
    found = set(starts)
    waiting = list(found)
    while waiting:
        node = nodes[waiting.pop()]
        names = [name for name, _ in data_inputs(node)]
        for name in names + control_inputs(node) if controls else names:
            if name not in found:
                found.add(name)
                waiting.append(name)
    return found


def pruned(nodes: Nodes, starts: Iterable[str]) -> Nodes:
    """Only what runs when `starts` do."""
    needed = reach(nodes, starts)
    return {name: node for name, node in nodes.items() if name in needed}


def redirect(nodes: Nodes, instead: Mapping[Tensor, Tensor], done: Mapping[str, list[str]] | None = None) -> None:
    """Lets consumers take other tensors, and wait for `done` of an op where it says so.

    What waited for an op that is not there any more waits for the op of the tensor in place of its output.
    """
    done = done or {}
    of_op = {name: tensor for (name, _), tensor in instead.items()}

    def tensor(found: Tensor) -> Tensor:
        while found in instead:
            found = instead[found]
        return found

    def waited_for(name: str) -> list[str]:
        if name in done:
            return [each for other in done[name] for each in waited_for(other)]
        return [name] if name in nodes or name not in of_op else [tensor(of_op[name])[0]]

    for node in nodes.values():
        data, controls = data_inputs(node), control_inputs(node)
        if any(each in instead for each in data) or any(each in done or each not in nodes for each in controls):
            set_inputs(node, map(tensor, data), (other for each in controls for other in waited_for(each)))


def in_order(nodes: Nodes) -> list[str]:
    """All names, each after what it takes and waits for; the Merge that begins a loop waits for no round of it."""
    done: set[str] = set()
    order: list[str] = []
    for start in nodes:
        stack = [] if start in done else [(start, iter(_before(nodes, start)))]
        done.add(start)
        while stack:
            name, rest = stack[-1]
            following = next((each for each in rest if each not in done), None)
            if following is None:
                order.append(name)
                stack.pop()
            else:
                done.add(following)
                stack.append((following, iter(_before(nodes, following))))
    return order


def _before(nodes: Nodes, name: str) -> list[str]:
    node = nodes[name]
    found = [source for source, _ in data_inputs(node)] + control_inputs(node)
    return found if node.op != "Merge" else [each for each in found if nodes[each].op != "NextIteration"]


class Namer:
    """Makes ops under names that are free."""

    def __init__(self, nodes: Nodes, taken: Iterable[str] = ()) -> None:
        self.nodes = nodes
        self.taken = set(taken)  # besides the names of `nodes`

    def free(self, name: str) -> str:
        unique, number = name, 1
        while unique in self.nodes or unique in self.taken:
            unique, number = f"{name}_{number}", number + 1
        return unique

    def add(self, op: str, name: str, inputs: Iterable[Tensor], controls: Iterable[str] = (), **attrs: Any) -> str:
        """Adds an op; its attributes are dtypes, bools, ints and bytes. Returns its name."""
        node = tf.compat.v1.NodeDef(name=self.free(name), op=op)
        set_inputs(node, inputs, controls)
        for key, value in attrs.items():
            set_attr(node, key, value)
        self.nodes[node.name] = node
        return node.name


def set_attr(node: Any, key: str, value: Any) -> None:
    """Sets a bool, an int, bytes or a dtype."""
    if isinstance(value, bool):
        node.attr[key].b = value
    elif isinstance(value, bytes):
        node.attr[key].s = value
    elif isinstance(value, tf.DType):
        node.attr[key].type = value.as_datatype_enum
    else:
        node.attr[key].i = value

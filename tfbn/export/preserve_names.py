"""Keeps the names of an export's inputs and outputs, whatever happens to the ops that had them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from tfbn.graphdef import tensor_names
from tfbn.graphdef.graph import Graph, last
from tfbn.graphdef.nodes import Tensor, data_inputs, set_attr, set_inputs, tensor_name
from tfbn.graphdef.op_types import PLACEHOLDERS


def find_tensors(names: Any, argument: str, graph: Graph) -> list[Tensor]:
    """Tensors, variables or names, one or several, as tensors of the graph.

    Raises:
      ValueError: nothing is given, what the graph does not have, or a tensor twice.
    """
    several = (
        [names] if isinstance(names, str) or not isinstance(names, Iterable) or tf.is_tensor(names) else list(names)
    )
    if not several:
        raise ValueError(f"expected `{argument}` to name at least one tensor, got {names!r}.")
    tensors: list[Tensor] = []
    for item in several:
        name = name_of(item, argument)
        tensor = _locate(name, argument, graph)
        if tensor in tensors:
            raise ValueError(f"expected `{argument}` to name each tensor once, got {tensor_name(tensor)} twice.")
        tensors.append(tensor)
    return tensors


def name_of(value: Any, argument: str) -> str:
    """The name of a tensor or a variable, or a name as it is.

    Raises:
      ValueError: it is none of these.
    """
    name = value if isinstance(value, str) else getattr(value, "name", None)
    if not isinstance(name, str):
        raise ValueError(f"expected `{argument}` to be tensors or their names, got {value!r}.")
    return name


def _locate(name: str, argument: str, graph: Graph) -> Tensor:
    try:
        op, index = tensor_names.locate(name, graph, graph.library)
        if tensor_names.count_outputs(graph[op], graph.library) == 0:
            raise tensor_names.NotInGraph(tensor_names.no_outputs(op, graph))
    except tensor_names.NotInGraph as problem:
        raise ValueError(f"expected `{argument}` to be in the graph, got {name!r}{problem}") from None
    return op, index or 0


class CutInputs(NamedTuple):
    """The changes that `cut_inputs` made to a graph."""

    placeholders: dict[Tensor, Tensor]  # by the tensors that they replace
    renamed: dict[str, str]  # the original names of ops, by their new names where a placeholder took the original


def cut_inputs(graph: Graph, inputs: Iterable[Tensor]) -> CutInputs:
    """Puts placeholders in place of `inputs` that the graph computes, as an input pipeline does."""
    cut = CutInputs({}, {})
    # The first output of an op last: its placeholder takes the op's name.
    for name, index in sorted(inputs, key=lambda tensor: -tensor[1]):
        node = graph[name]
        if node.op in PLACEHOLDERS:
            cut.placeholders[name, index] = (name, 0)
            continue
        tensor = graph.pruned([name]).to_tensorflow().get_tensor_by_name(tensor_name((name, index)))
        others = {other for each in graph.values() for other in data_inputs(each) if other[0] == name}
        del graph[name]
        placeholder_name = name if index == 0 else f"{name}_{index}"
        placeholder = graph.add("Placeholder", placeholder_name, [], dtype=tensor.dtype.base_dtype)
        graph[placeholder].attr["shape"].shape.CopyFrom(tensor.shape.as_proto())
        if index == 0:
            node.name = graph.free_name(f"{name}/before")
            cut.renamed[node.name] = name
        graph[node.name] = node
        graph.redirect({other: (node.name, other[1]) for other in others if other != (node.name, other[1])})
        graph.redirect({(name if index else node.name, index): (placeholder, 0)})
        cut.placeholders[name, index] = (placeholder, 0)
    return cut


def restore(graph: Graph, outputs: Iterable[Tensor], instead: Mapping[Tensor, Tensor], dtype: Any) -> None:
    """Creates ops under the names of outputs whose ops are gone, from the tensors that replaced them.

    `dtype` is a function of an op's name.
    """
    highest: dict[str, int] = {}
    for name, index in outputs:
        if name not in graph:
            highest[name] = max(index, highest.get(name, 0))
    for name, index in highest.items():
        values = [last((name, i), instead) if (name, i) in instead else None for i in range(index + 1)]
        there = [value for value in values if value is not None]
        if not there:
            continue
        node = tf.compat.v1.NodeDef(name=name, op="Identity" if index == 0 else "IdentityN")
        set_inputs(node, [value or there[0] for value in values], [])
        if index == 0:
            set_attr(node, "T", dtype(name, 0))
        else:
            node.attr["T"].list.type.extend(dtype(name, i).as_datatype_enum for i in range(index + 1))
        graph[name] = node

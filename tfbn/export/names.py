"""Inputs and outputs of an export keep their names, whatever becomes of the ops that had them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow as tf

from tfbn.graphdef import tensor_names
from tfbn.graphdef.nodes import (
    Namer,
    Nodes,
    Tensor,
    data_inputs,
    imported,
    joined,
    pruned,
    redirect,
    set_attr,
    set_inputs,
)


def tensors(given: Any, argument: str, nodes: Nodes, library: Any) -> list[Tensor]:
    """Tensors, variables or names, one or several, as tensors of the graph.

    Raises:
      ValueError: nothing is given, what the graph does not have, or a tensor twice.
    """
    several = (
        [given] if isinstance(given, str) or not isinstance(given, Iterable) or tf.is_tensor(given) else list(given)
    )
    if not several:
        raise ValueError(f"expected `{argument}` to name at least one tensor, got {given!r}.")
    found: list[Tensor] = []
    for each in several:
        name = spelled(each, argument)
        tensor = _located(name, argument, nodes, library)
        if tensor in found:
            raise ValueError(f"expected `{argument}` to name each tensor once, got {text(tensor)} twice.")
        found.append(tensor)
    return found


def spelled(given: Any, argument: str) -> str:
    """The name of a tensor or a variable, or a name as it is.

    Raises:
      ValueError: it is none of these.
    """
    name = given if isinstance(given, str) else getattr(given, "name", None)
    if not isinstance(name, str):
        raise ValueError(f"expected `{argument}` to be tensors or their names, got {given!r}.")
    return name


def _located(name: str, argument: str, nodes: Nodes, library: Any) -> Tensor:
    try:
        op, index = tensor_names.locate(name, nodes, library)
        if tensor_names.count_outputs(nodes[op], library) == 0:
            raise tensor_names.NotInGraph(tensor_names.no_outputs(op, nodes))
    except tensor_names.NotInGraph as problem:
        raise ValueError(f"expected `{argument}` to be in the graph, got {name!r}{problem}") from None
    return op, index or 0


def cut(nodes: Nodes, inputs: Iterable[Tensor], like: Any) -> dict[Tensor, Tensor]:
    """Puts placeholders where `inputs` are computed, as by an input pipeline; returns those that stand for each."""
    namer = Namer(nodes)
    made = {}
    # The first output of an op last: its placeholder takes the op's name.
    for name, index in sorted(inputs, key=lambda tensor: -tensor[1]):
        node = nodes[name]
        if node.op in ("Placeholder", "PlaceholderWithDefault", "PlaceholderV2"):
            made[name, index] = (name, 0)
            continue
        found = imported(pruned(nodes, [name]), like).get_tensor_by_name(f"{name}:{index}")
        others = {other for each in nodes.values() for other in data_inputs(each) if other[0] == name}
        del nodes[name]
        wanted = name if index == 0 else f"{name}_{index}"
        placeholder = namer.add("Placeholder", wanted, [], dtype=found.dtype.base_dtype)
        nodes[placeholder].attr["shape"].shape.CopyFrom(found.shape.as_proto())
        node.name = namer.free(f"{name}/before") if index == 0 else name
        nodes[node.name] = node
        redirect(nodes, {other: (node.name, other[1]) for other in others if other != (node.name, other[1])})
        redirect(nodes, {(node.name, index): (placeholder, 0)})
        made[name, index] = (placeholder, 0)
    return made


def restore(nodes: Nodes, outputs: Iterable[Tensor], instead: Mapping[Tensor, Tensor], dtype: Any) -> None:
    """Makes ops of the names of outputs whose ops are gone, from what stands in their place.

    `dtype` is a function of an op's name.
    """
    last: dict[str, int] = {}
    for name, index in outputs:
        if name not in nodes:
            last[name] = max(index, last.get(name, 0))
    for name, index in last.items():
        values = [_followed((name, i), instead) for i in range(index + 1)]
        there = [value for value in values if value is not None]
        if not there:
            continue
        node = tf.compat.v1.NodeDef(name=name, op="Identity" if index == 0 else "IdentityN")
        set_inputs(node, [value or there[0] for value in values], [])
        if index == 0:
            set_attr(node, "T", dtype(name, 0))
        else:
            node.attr["T"].list.type.extend(dtype(name, i).as_datatype_enum for i in range(index + 1))
        nodes[name] = node


def _followed(tensor: Tensor, instead: Mapping[Tensor, Tensor]) -> Tensor | None:
    if tensor not in instead:
        return None
    while tensor in instead:
        tensor = instead[tensor]
    return tensor


def text(tensor: Tensor) -> str:
    name = joined(tensor)
    return name if ":" in name else f"{name}:0"

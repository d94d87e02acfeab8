"""Inputs and outputs of an export keep their names, whatever becomes of the ops that had them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow as tf

from tfbn.export.nodes import (
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
    split,
)


def tensors(given: Any, argument: str, nodes: Nodes) -> list[Tensor]:
    """Tensors, variables or names, one or several, as tensors of the graph.

    Raises:
      ValueError: nothing is given, or what the graph does not have.
    """
    several = (
        [given] if isinstance(given, str) or not isinstance(given, Iterable) or tf.is_tensor(given) else list(given)
    )
    if not several:
        raise ValueError(f"expected `{argument}` to name at least one tensor, got {given!r}.")
    found = []
    for each in several:
        text = each if isinstance(each, str) else getattr(each, "name", None)
        if not isinstance(text, str):
            raise ValueError(f"expected `{argument}` to be tensors or their names, got {each!r}.")
        tensor = split(text)
        if tensor[0] not in nodes:
            raise ValueError(
                f"expected `{argument}` to be in the graph, got {text!r}, which it does not have.{_near(text, nodes)}"
            )
        found.append(tensor)
    return found


def _near(text: str, nodes: Nodes) -> str:
    last = split(text)[0].rpartition("/")[2]
    near = [name for name in nodes if name.rpartition("/")[2] == last][:3]
    return f" Is it {' or '.join(near)}?" if near else ""


def cut(nodes: Nodes, inputs: Iterable[Tensor], like: Any) -> list[Tensor]:
    """Puts placeholders where `inputs` are computed, as by an input pipeline; returns them."""
    namer = Namer(nodes)
    made = []
    for name, index in inputs:
        node = nodes[name]
        if node.op in ("Placeholder", "PlaceholderWithDefault", "PlaceholderV2"):
            made.append((name, 0))
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
        made.append((placeholder, 0))
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

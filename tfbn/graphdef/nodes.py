"""NodeDefs: their inputs, and the edits that all rewriting consists of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import tensorflow as tf

Tensor = tuple[str, int]  # the name of an op and the number of its output


def split_tensor(text: str) -> Tensor:
    """Splits an input of a NodeDef, or a tensor's name; the name of an op alone stands for its first output."""
    name, _, index = text.partition(":")
    return name, int(index or 0)


def input_name(tensor: Tensor) -> str:
    """The tensor as a NodeDef's input."""
    name, index = tensor
    return f"{name}:{index}" if index else name


def tensor_name(tensor: Tensor) -> str:
    """The tensor as Session.run takes it."""
    return f"{tensor[0]}:{tensor[1]}"


def data_inputs(node: Any) -> list[Tensor]:
    return [split_tensor(text) for text in node.input if text[0] != "^"]


def control_inputs(node: Any) -> list[str]:
    return [text[1:] for text in node.input if text[0] == "^"]


def set_inputs(node: Any, data: Iterable[Tensor], controls: Iterable[str]) -> None:
    del node.input[:]
    node.input.extend(map(input_name, data))
    node.input.extend(f"^{name}" for name in dict.fromkeys(controls))


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


def become(node: Any, op: str, **attrs: Any) -> None:
    """Turns a node into another op with only these attributes; the inputs stay."""
    node.op = op
    node.attr.clear()
    for key, value in attrs.items():
        set_attr(node, key, value)


def become_constant(node: Any, value: Any, controls: Iterable[str] = ()) -> None:
    """Turns a node into a Const, with the value's NumPy dtype."""
    set_inputs(node, [], controls)
    become(node, "Const")
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
    node.attr["dtype"].type = node.attr["value"].tensor.dtype


def copy_node(node: Any, name: str | None = None) -> Any:
    """A copy, under another name if one is given."""
    copy = type(node)()
    copy.CopyFrom(node)
    if name is not None:
        copy.name = name
    return copy

"""Names of tensors as users write them, looked up in a GraphDef."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from tfbn import _tensorflow

_TENSOR = re.compile(r"([^\s:^]+)(?::(\d+))?")


class NotInGraph(LookupError):
    """A name that stands for no tensor; the text continues an error after 'got NAME'."""


def locate(text: str, nodes: Mapping[str, Any], library: Any) -> tuple[str, int | None]:
    """The op and the number of its output; None for the number where the name has none.

    `nodes` are NodeDefs by name, and `library` has the functions that they may call.

    Raises:
      NotInGraph: no op has the name, or the op has no such output, as a control input has none.
    """
    if text.startswith("^"):
        raise NotInGraph(f", which is a control input, not a tensor. Pass {text[1:]!r}.")
    match = _TENSOR.fullmatch(text)
    if match is None:
        raise NotInGraph(", which is not the name of a tensor: that is an op's name, also with :0, :1 and so on.")
    name, index = match[1], None if match[2] is None else int(match[2])
    if name not in nodes:
        raise NotInGraph(f", which it does not have.{suggestion(name, nodes)}")
    count = count_outputs(nodes[name], library)
    if count is None:
        raise NotInGraph(
            f": {name} is a {nodes[name].op}, an op that this TensorFlow does not know. Load its library first, with "
            "tf.load_op_library."
        )
    if index is not None and index >= count:
        raise NotInGraph(f": {_outputs_of(name, nodes[name].op, count)}")
    return name, index


def no_outputs(name: str, nodes: Mapping[str, Any]) -> str:
    """The text of an error about an op without outputs."""
    return f": {_outputs_of(name, nodes[name].op, 0)}"


def _outputs_of(name: str, op: str, count: int) -> str:
    if not count:
        return f"{name} ({op}) has no outputs."
    if count == 1:
        return f"{name} ({op}) has 1 output, {name}:0."
    return f"{name} ({op}) has {count} outputs, {name}:0 to {name}:{count - 1}."


def count_outputs(node: Any, library: Any) -> int | None:
    """How many outputs an op has; None if it is neither TensorFlow's nor a function of the library."""
    for function in library.function:
        if function.signature.name == node.op:
            return len(function.signature.output_arg)
    definition = _tensorflow.op_definition(node.op)
    return None if definition is None else _count(definition.output_arg, node, definition)


def count_inputs(node: Any) -> int | None:
    """How many tensors an op of TensorFlow takes; None for another op."""
    definition = _tensorflow.op_definition(node.op)
    return None if definition is None else _count(definition.input_arg, node, definition)


def _count(arguments: Iterable[Any], node: Any, definition: Any) -> int:
    defaults = {attr.name: attr.default_value for attr in definition.attr}

    def value(name: str) -> Any:
        return node.attr[name] if name in node.attr else defaults[name]

    return sum(
        value(argument.number_attr).i
        if argument.number_attr
        else len(value(argument.type_list_attr).list.type)
        if argument.type_list_attr
        else 1
        for argument in arguments
    )


def suggestion(name: str, names: Iterable[str]) -> str:
    """A question for an error, with the nearest names, and a space before it; nothing where none is near."""
    near = nearest(name, list(names))
    return f" Is it {' or '.join(near)}?" if near else ""


def nearest(name: str, names: list[str], count: int = 3) -> list[str]:
    """Names with the same last part, and then those with a similar spelling."""
    last = name.rpartition("/")[2]
    same = [other for other in names if other.rpartition("/")[2] == last]
    return list(dict.fromkeys([*same, *difflib.get_close_matches(name, names, count)]))[:count]

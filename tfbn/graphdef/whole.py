"""Checks that a graph from a file is whole: the functions that it calls, the inputs in their bodies, its constants."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

import tensorflow as tf

from tfbn.graphdef.tensor_names import count_inputs

# More than a file can hold: a larger constant is stored as one repeated number, and would be expanded in memory.
MAX_CONSTANT_BYTES = 2**31
_NAME = re.compile("[^:^]+")
_INPUT = re.compile(
    r"\^?[^:^]+|[^:^]+:([^:^]+:)?[0-9]+"
)  # in bodies, the name of an op's output stands before its index
_WITHOUT_INDEX = re.compile("[^:]+:[^:]*[^:0-9][^:]*")
_CALLS = re.compile("(Stateful|Stateless)?(PartitionedCall|If|While|Case)")


def check_whole(graph_def: Any) -> None:
    """Refuses a graph that TensorFlow would import, and would fail on only when it runs the op or the function.

    Raises:
      ValueError: an op, a function or an argument has a name that is not printable or cannot be one; an op takes what
        cannot be the name of a tensor; an op calls a function that the graph lacks, or that calls itself; a body takes
        or returns a tensor that it does not have, or has an op with another number of inputs; the dtype of an argument
        or a constant is unknown; a constant is too large, has no shape, or is cut.
    """
    functions = {function.signature.name: function for function in graph_def.library.function}
    _check_names(graph_def.node, graph_def.library.function)
    _check_nodes(graph_def.node, functions)
    _check_inputs("in which", graph_def.node)
    for name, function in functions.items():
        _check_nodes(function.node_def, functions)
        signature = function.signature
        arguments, nodes = {arg.name for arg in signature.input_arg}, {node.name for node in function.node_def}
        inputs = [text for node in function.node_def for text in node.input]
        results = [function.ret[arg.name] for arg in signature.output_arg if arg.name in function.ret]
        for text in (*inputs, *results, *(f"^{node}" for node in function.control_ret.values())):
            source, is_result = text.partition(":")[0], text in results
            known = nodes if source[:1] == "^" else arguments | nodes
            if source.lstrip("^") not in known or (is_result and not _is_tensor(text)):
                raise ValueError(
                    f"expected a whole graph, got one whose function {name} takes {text!r}, which it does not have."
                )
        if len(results) < len(signature.output_arg):
            raise ValueError(
                f"expected a whole graph, got one whose function {name} does not return all of its outputs."
            )
        if not any(arg.number_attr or arg.type_list_attr for arg in signature.input_arg):
            _check_inputs(f"in whose function {name}", function.node_def)
        for arg in (*signature.input_arg, *signature.output_arg):
            if arg.type:  # otherwise an attribute has the dtype
                _check_dtype(arg.type, f"whose function {name} has {arg.name}")
    _check_recursion({name: set(_called(function.node_def)) & functions.keys() for name, function in functions.items()})


def _check_inputs(where: str, nodes: Iterable[Any]) -> None:
    """Refuses ops with too few inputs, or too many."""
    for node in nodes:
        count, inputs = count_inputs(node), [text for text in node.input if text[:1] != "^"]
        # In a body an output's name without an index stands for several tensors.
        if count is not None and count != len(inputs) and not any(map(_WITHOUT_INDEX.fullmatch, inputs)):
            raise ValueError(
                f"expected a whole graph, got one {where} {node.name} ({node.op}) takes {len(inputs)} "
                f"{'tensor' if len(inputs) == 1 else 'tensors'} instead of {count}."
            )


def _is_tensor(text: str) -> bool:
    return text[:1] != "^" and _INPUT.fullmatch(text) is not None


def _check_names(nodes: Iterable[Any], functions: Iterable[Any]) -> None:
    """TensorFlow makes no other names, and imports none of ops; those in functions it does not look at."""
    names = [name for node in nodes for name in (node.name, node.op)]
    for function in functions:
        signature = function.signature
        names += [signature.name, *(arg.name for arg in (*signature.input_arg, *signature.output_arg))]
        names += [name for node in function.node_def for name in (node.name, node.op)]
    for name in names:
        if not name.isprintable():
            raise ValueError(f"expected a whole graph, got one with the name {name!r}, which is not printable.")
        if not _NAME.fullmatch(name):
            raise ValueError(f"expected a whole graph, got one with the name {name!r}, which nothing can have.")


def _check_nodes(nodes: Iterable[Any], functions: Any) -> None:
    for node in nodes:
        malformed = next((text for text in node.input if not _INPUT.fullmatch(text)), None)
        if malformed is not None:
            raise ValueError(
                f"expected a whole graph, got one in which {node.name} ({node.op}) takes {malformed!r}, which names no "
                "tensor."
            )
        if node.op == "Const":
            _check_constant(node.name, node.attr["value"].tensor)
        for called in _called([node]) if _CALLS.fullmatch(node.op) else ():
            if called not in functions and called != node.op:
                raise ValueError(
                    f"expected a whole graph, got one in which {node.name} ({node.op}) calls the function {called!r}, "
                    "which is not there."
                )


def _called(nodes: Iterable[Any]) -> Iterator[str]:
    """All possible names of functions: the ops' types, and the functions that attributes name."""
    for node in nodes:
        yield node.op
        for value in node.attr.values():
            yield from (called.name for called in ([value.func] if value.HasField("func") else value.list.func))


def _check_recursion(calls: dict[str, set[str]]) -> None:
    """Refuses recursive functions: TensorFlow ends the process when it tries to inline one."""
    waiting = dict(calls)
    while waiting:
        done = [name for name, called in waiting.items() if not called & waiting.keys()]
        if not done:
            names = ", ".join(sorted(waiting)[:5])
            raise ValueError(f"expected a graph that ends, got one whose functions call themselves: {names}.")
        for name in done:
            del waiting[name]


def _check_constant(name: str, tensor: Any) -> None:
    _check_dtype(tensor.dtype, f"with the constant {name}")
    dtype = tf.as_dtype(tensor.dtype)
    if dtype in (tf.resource, tf.variant):
        raise ValueError(f"expected a whole graph, got one with the constant {name} of the dtype {dtype.name}.")
    sizes = [dim.size for dim in tensor.tensor_shape.dim]
    if tensor.tensor_shape.unknown_rank or min(sizes, default=0) < 0:
        got = "an unknown shape" if tensor.tensor_shape.unknown_rank else f"the shape {sizes}"
        raise ValueError(f"expected a whole graph, got one with the constant {name} of {got}.")
    size = dtype.size * math.prod(sizes)
    if size > MAX_CONSTANT_BYTES:
        raise ValueError(
            f"expected a whole graph, got one with the constant {name} of {size:,} bytes, more than the limit of "
            f"{MAX_CONSTANT_BYTES:,}."
        )
    content = len(tensor.tensor_content)  # of strings it has their sizes as well; without any, values are elsewhere
    if content and dtype != tf.string and content != size:
        raise ValueError(
            f"expected a whole graph, got one with the constant {name} of {size:,} bytes, of which it has {content:,}."
        )


def _check_dtype(dtype: int, of: str) -> None:
    try:
        tf.as_dtype(dtype)
    except TypeError as error:
        raise ValueError(f"expected a whole graph, got one {of} of an unknown dtype: {dtype}.") from error

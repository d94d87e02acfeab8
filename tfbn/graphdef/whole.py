"""Whether a graph from a file is whole: the functions that it calls, what their bodies take, and its constants."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import tensorflow as tf

_CALLS = re.compile("(Stateful|Stateless)?(PartitionedCall|If|While|Case)")


def check_whole(graph_def: Any) -> None:
    """Refuses a graph that TensorFlow would import, and only run into when it runs the op or the function.

    Raises:
      ValueError: an op calls a function that the graph has not; a body takes, or returns, what is not in it; there is
        no such dtype as that of an argument or a constant.
    """
    functions = {function.signature.name: function for function in graph_def.library.function}
    _check_nodes(graph_def.node, functions)
    for name, function in functions.items():
        _check_nodes(function.node_def, functions)
        signature = function.signature
        arguments, nodes = {arg.name for arg in signature.input_arg}, {node.name for node in function.node_def}
        taken = [text for node in function.node_def for text in node.input]
        results = [function.ret[arg.name] for arg in signature.output_arg if arg.name in function.ret]
        for text in (*taken, *results, *(f"^{node}" for node in function.control_ret.values())):
            source = text.partition(":")[0]
            if source[:1] == "^" and source[1:] not in nodes or source[:1] != "^" and source not in arguments | nodes:
                raise ValueError(
                    f"expected a whole graph, got one whose function {name} takes {text!r}, which it has not."
                )
        if len(results) < len(signature.output_arg):
            raise ValueError(
                f"expected a whole graph, got one whose function {name} does not return all of its outputs."
            )
        for arg in (*signature.input_arg, *signature.output_arg):
            if arg.type:  # or an attribute tells
                _check_dtype(arg.type, f"whose function {name} has {arg.name}")


def _check_nodes(nodes: Iterable[Any], functions: Any) -> None:
    for node in nodes:
        if node.op == "Const":
            _check_dtype(node.attr["value"].tensor.dtype, f"with the constant {node.name}")
        if not _CALLS.fullmatch(node.op):
            continue
        for value in node.attr.values():
            for called in [value.func] if value.HasField("func") else value.list.func:
                if called.name not in functions:
                    raise ValueError(
                        f"expected a whole graph, got one in which {node.name} ({node.op}) calls the function "
                        f"{called.name!r}, which is not there."
                    )


def _check_dtype(dtype: int, of: str) -> None:
    try:
        tf.as_dtype(dtype)
    except TypeError as error:
        raise ValueError(f"expected a whole graph, got one {of} of a dtype that there is none of: {dtype}.") from error

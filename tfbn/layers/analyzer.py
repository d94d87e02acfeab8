"""`slim.model_analyzer`: how large the variables and the outputs of a graph are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import tensorflow as tf


def analyze_vars(variables: Iterable[Any], print_info: bool = False) -> tuple[int, int]:
    """Counts the elements and bytes of variables, as slim.model_analyzer.analyze_vars of TensorFlow 1.15.

    Args:
      variables: variables, such as tf.compat.v1.trainable_variables().
      print_info: whether to print a table of them. Default False.

    Returns:
      The numbers of elements and of bytes; a variable of unknown shape counts as 0.

    Example:
      >>> with tf.Graph().as_default():
      ...     weights = tf.compat.v1.get_variable("weights", [2, 3], use_resource=True)
      ...     analyze_vars([weights], print_info=True)
      ---------
      Variables: name (type shape) [size]
      ---------
      weights:0 (float32 2x3) [6, bytes: 24]
      Total size of variables: 6
      Total bytes of variables: 24
      (6, 24)
    """
    lines, total_size, total_bytes = [], 0, 0
    for variable in variables:
        size = variable.shape.num_elements() or 0
        n_bytes = size * variable.dtype.size
        total_size += size
        total_bytes += n_bytes
        lines.append(f"{variable.name} {_description(variable)} [{size}, bytes: {n_bytes}]")
    if print_info:
        _print_title("Variables: name (type shape) [size]")
        totals = [f"Total size of variables: {total_size}", f"Total bytes of variables: {total_bytes}"]
        print(*lines, *totals, sep="\n")
    return total_size, total_bytes


def analyze_ops(graph: tf.Graph, print_info: bool = False) -> int:
    """Counts the elements of the outputs of a graph's ops, as slim.model_analyzer.analyze_ops of TensorFlow 1.15.

    Args:
      graph: graph.
      print_info: whether to print a table of the ops. Default False.

    Returns:
      The number of elements; an output of unknown shape counts as 0.

    Example:
      >>> with tf.Graph().as_default() as graph:
      ...     outputs = tf.nn.relu(tf.zeros([2, 3], name="inputs"))
      ...     analyze_ops(graph)
      12
    """
    lines, total = [], 0
    for op in graph.get_operations():
        size = sum(output.shape.num_elements() or 0 for output in op.outputs)
        descriptions = ", ".join(_description(output) for output in op.outputs if output.shape.rank is not None)
        total += size
        lines.append(f"{op.name} \t-> {descriptions} [{size}]")
    if print_info:
        _print_title("Operations: name -> (type shapes) [size]")
        print(*lines, sep="\n")
    return total


def _description(tensor: Any) -> str:
    """Type and sizes, such as (float32 1x8x8x1024), or (float32 unknown) if the rank is unknown."""
    if tensor.shape.rank is None:
        return f"({tensor.dtype.name} unknown)"
    sizes = ("?" if size is None else str(size) for size in tensor.shape.as_list())
    return f"({tensor.dtype.name} {'x'.join(sizes)})"


def _print_title(title: str) -> None:
    print("---------", title, "---------", sep="\n")

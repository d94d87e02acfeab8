"""The sources of a value per channel: backwards to variables, to reductions of the batch, to constants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from tfbn.graphdef.dataflow import Node, Tensor, controls_of, is_assignment, origin_of, source_of
from tfbn.graphdef.op_types import (
    ARITHMETIC,
    ASSIGNMENTS,
    COUNTS,
    FUNCTIONS,
    FUSED,
    PASSING,
    PLACEHOLDERS,
    REDUCTIONS,
    RESHAPES,
    SELECTS,
    VARIABLES,
)

MAX_OPS = 120  # from a standard deviation to the variables or reductions behind it, which are about 30 ops away


class Statistic(NamedTuple):
    """The sources of a value per channel."""

    variables: frozenset[Node]
    batch: frozenset[Tensor]  # reductions over the batch
    chosen: bool  # between the two, by a predicate that each run evaluates
    vectors: frozenset[Node] = frozenset()  # constant or fed, in place of variables, as in frozen graphs

    @property
    def is_uniform(self) -> bool:
        """Whether it is one number for all channels, such as epsilon."""
        return not self.variables and not self.batch and not self.vectors


def reduces_to_statistic(node: Node, index: int) -> bool:
    """Whether an output is a statistic per channel that is taken over the batch."""
    return index > 0 if node.type in FUSED else node.type in REDUCTIONS and reduces_batch(node)


def statistic_of(
    tensor: Tensor, is_assigned: bool = False, is_source: Callable[[Node, int], bool] = reduces_to_statistic
) -> Statistic | None:
    """The sources of a value per channel; None for any other value, such as one computed from an input.

    Args:
      tensor: the value.
      is_assigned: whether a variable is assigned the value. A read after an assignment then gives the assigned value,
        and gathered rows are those of the variable.
      is_source: whether an output of an op is a statistic of the batch.
    """
    variables: set[Node] = set()
    batch: set[Tensor] = set()
    vectors: set[Node] = set()
    chosen = False
    seen, waiting = {tensor}, [tensor]
    while waiting:
        node, index = waiting.pop()
        following: list[Tensor]
        if node.type in (*VARIABLES, *PLACEHOLDERS) and is_flag(node):
            chosen = True  # by factors of 0 and 1
            continue
        if node.type in VARIABLES:
            variables.add(node)
            continue
        if _is_vector(node):
            vectors.add(node)
            continue
        if node.type in COUNTS or is_number(node):
            continue
        if is_source(node, index):
            batch.add((node, index - 2 if index > 2 else index))
            continue
        if node.bodies and "While" not in node.type:
            chosen = True
            following = [body.results[index] for body in node.bodies if index < len(body.results)]
        elif node.type in SELECTS:
            chosen = chosen or _is_decided_by_run(node.inputs[0])
            following = node.inputs[1:]
        elif is_assigned and (before := assignments_before(node)):
            following = [value for update in before for value in next_value(update)]
        elif node.type in (*PASSING, *RESHAPES, "ReadVariableOp", *ASSIGNMENTS):
            chosen = chosen or node.type == "Merge"
            following = node.inputs if node.type in ("Merge", "RefMerge") else node.inputs[:1]
        elif node.type == "_Arg":
            following = node.inputs[:1]
        elif node.type in (*ARITHMETIC, *FUNCTIONS, "Pack"):
            following = node.inputs
        elif node.type in ("Split", "Fill"):
            following = node.inputs[1:]
        elif node.type in ("StridedSlice", *REDUCTIONS):  # a sum over other axes, before or after the batch's
            following = node.inputs[:1]
        elif node.type == "ConcatV2":  # of the parts of a partitioned variable
            following = node.inputs[:-1]
        elif node.type in ("GatherV2", "ResourceGather") and (is_assigned or constant_of(node.inputs[1]) is not None):
            following = node.inputs[:1]  # of sizes or channels, not of an embedding
        else:
            return None
        for source in following:
            if source not in seen:
                seen.add(source)
                waiting.append(source)
        if len(seen) > MAX_OPS:
            return None
    return Statistic(frozenset(variables), frozenset(batch), chosen, frozenset(vectors))


def assignments_before(node: Node) -> list[Node]:
    """The assignments whose result is read: the node itself, by reference, or those that a variable's read waits for.

    A read may also wait for assignments of other variables, one by one or in a group.
    """
    if node.type in ASSIGNMENTS:
        return [node]
    if node.type != "ReadVariableOp":
        return []
    variable, waiting = source_of(node.inputs[0]), controls_of(node)
    for control in waiting:  # grows on the way
        if control.type == "NoOp" and len(waiting) <= MAX_OPS:
            waiting += [waited_for for waited_for in controls_of(control) if waited_for not in waiting]
    return [control for control in waiting if is_assignment(control) and source_of(control.inputs[0]) is variable]


def next_value(assignment: Node) -> list[Tensor]:
    """The tensors that give the next value of an assignment: another value alone, or the variable and a change."""
    return assignment.inputs[1:2] if assignment.type in ("Assign", "AssignVariableOp") else assignment.inputs[:2]


def is_number(node: Node) -> bool:
    """Whether a single number is fed there, such as a momentum."""
    return node.type in PLACEHOLDERS and has_no_axes(node)


def is_flag(node: Node) -> bool:
    """Whether a variable or a placeholder is a single boolean."""
    return node.attr["dtype"].type == tf.bool.as_datatype_enum and has_no_axes(node)


def has_no_axes(node: Node) -> bool:
    """Whether a variable or a placeholder is known to be a single value."""
    shape = node.attr["shape"].shape if "shape" in node.attr else None
    return shape is not None and not shape.unknown_rank and not shape.dim


def _is_vector(node: Node) -> bool:
    """Whether it is a floating constant with axes, or a vector that can be fed in its place."""
    if node.type == "Const":
        tensor = node.attr["value"].tensor
        return bool(tensor.tensor_shape.dim) and tf.as_dtype(tensor.dtype).is_floating
    return node.type == "PlaceholderWithDefault" and len(node.attr["shape"].shape.dim) == 1


def is_reduction(node: Node) -> bool:
    """Whether an op may be one that statistics of a batch come from, or that counts samples."""
    return node.type in (*REDUCTIONS, *FUSED, *COUNTS)


def reduces_batch(node: Node) -> bool:
    """Whether a reduction is over the first axis, and over data: values of variables alone are weights."""
    if len(node.inputs) < 2:
        return False
    axes = constant_of(node.inputs[1])
    if axes is not None:
        over = [int(axis) for axis in axes.ravel()]
        # Counted from the end, the first of four axes is -4; a layer norm also reduces the last one.
        if 0 not in over and not (over and -1 not in over and min(over) <= -4):
            return False
    value = node.inputs[0]
    for _ in range(4):  # the square, or the difference to the mean, that is reduced
        if value[0].type not in ("Square", "SquaredDifference", "Sub", "Mul", "Pow", "Cast", "Identity"):
            break
        value = value[0].inputs[0]
    return value[0].type not in (*VARIABLES, "Const", "ReadVariableOp")


def constant_of(tensor: Tensor) -> Any:
    node, _ = origin_of(tensor)
    return tf.make_ndarray(node.attr["value"].tensor) if node.type == "Const" else None


def _is_decided_by_run(tensor: Tensor) -> bool:
    """Whether a flag decides, rather than the number of samples in the batch."""
    node, _ = tensor
    for _ in range(12):
        if node.type in (*VARIABLES, "Placeholder", "PlaceholderWithDefault", "_Arg"):
            return True
        if node.type not in (*PASSING, *RESHAPES, "ReadVariableOp", "LogicalNot", "Fill", "Equal", "NotEqual"):
            return False
        inputs = [source for source in node.inputs if source[0].type not in COUNTS]
        if not inputs:
            return False
        node = inputs[-1 if node.type == "Fill" else 0][0]
    return False

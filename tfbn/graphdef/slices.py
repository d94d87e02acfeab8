"""The sources of a statistic per channel: backwards from a tensor to variables and to reductions of the batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tfbn.graphdef.dataflow import Node, Tensor, controls_of
from tfbn.graphdef.op_types import FUSED, VARIABLES
from tfbn.graphdef.short_names import STATISTICS, split_name
from tfbn.graphdef.statistic import assignments_before

# Where the walk from a statistic back to the batch ends; behind these ops there may be other layers.
_REDUCTIONS = ("Mean", "Sum", *FUSED)
_BEYOND = (
    "Conv2D",
    "Conv3D",
    "MatMul",
    "BatchMatMulV2",
    "Placeholder",
    "Const",
    "Shape",
    "Size",
    "FloorDiv",
    "RestoreV2",
)
MAX_SLICE_OPS = 200  # from a normalization to the source of its statistics, which is about 30 ops away


class Slice(NamedTuple):
    """The sources of a value per channel."""

    variables: frozenset[Node]
    batch: frozenset[Node]  # the reductions, or fused ops, that compute it from the batch
    chosen: bool  # by a cond's predicate among others
    locked: bool  # computed while a mutex is held
    corrected: bool  # by n / max(n - 1, 1) or its inverse


def slice_of(tensor: Tensor, controls: Iterable[Node] = ()) -> Slice:
    """Walks from a value per channel back to variables and to reductions of the batch."""
    variables: set[Node] = set()
    batch: set[Node] = set()
    chosen, corrected = False, False
    locked = any(control.type == "MutexLock" for control in controls)
    seen = {tensor}
    waiting = [tensor]
    while waiting and len(seen) < MAX_SLICE_OPS:
        node, index = waiting.pop()
        locked = locked or any(control.type == "MutexLock" for control in controls_of(node))
        corrected = corrected or node.type == "Maximum" or _has_static_correction(node)
        following: list[Tensor] = []
        if node.type in VARIABLES or (node.type == "Const" and split_name(node.name)[1] in STATISTICS):
            variables.add(node)
        elif node.type in _REDUCTIONS and not _of_virtual_batches(node):
            batch.add(node)
        elif node.type in _BEYOND:
            continue
        elif node.bodies:
            chosen = chosen or "While" not in node.type
            following = [body.results[index] for body in node.bodies if index < len(body.results)]
        else:
            chosen = chosen or node.type == "Merge"
            # For a Switch, only the data: what its predicate is computed from is no statistic.
            following = list(node.inputs[:1] if node.type in ("Switch", "RefSwitch") else node.inputs)
            if node.type == "ReadVariableOp":
                following += [assignment.inputs[1] for assignment in assignments_before(node)]
        for source in following:
            if source not in seen:
                seen.add(source)
                waiting.append(source)
    return Slice(frozenset(variables), frozenset(batch), chosen, locked, corrected)


def _has_static_correction(node: Node) -> bool:
    """Whether this multiplies the variance of tfbn's fused kernel by a constant that the batch's size gives."""
    return node.type == "Mul" and {source.type for source, _ in node.inputs} == {"Abs", "Const"}


def _of_virtual_batches(node: Node) -> bool:
    """Whether a reduction is over statistics of virtual batches, which are quotients, rather than over a batch."""
    if node.type in FUSED:
        return False
    reduced = node.inputs[0][0]
    factors = [reduced, *(source for source, _ in reduced.inputs)] if reduced.type == "Mul" else [reduced]
    return any(factor.type == "DivNoNan" for factor in factors)

"""Where a statistic per channel comes from: backwards from a tensor to variables and to reductions of the batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tfbn.graphdef.arithmetic import FUSED, VARIABLES, assignments_before
from tfbn.graphdef.dataflow import Node, Tensor, controls_of
from tfbn.graphdef.short_names import STATISTICS, split_name

# Where the way from a statistic back to the batch ends; what lies behind may be other layers.
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
MAX_SLICE_OPS = 200  # between a normalization and the source of its statistics, which is some 30 ops away


class Slice(NamedTuple):
    """Where a value per channel comes from."""

    variables: frozenset[Node]
    batch: frozenset[Node]  # the reductions, or fused ops, that it is taken from the batch by
    chosen: bool  # by a cond's predicate among others
    locked: bool  # computed while a mutex is held
    corrected: bool  # by n / max(n - 1, 1) or its inverse


def slice_of(tensor: Tensor, controls: Iterable[Node] = ()) -> Slice:
    """Walks from a value per channel back to variables and to reductions of the batch."""
    variables: set[Node] = set()
    batch: set[Node] = set()
    chosen, corrected = False, False
    locked = any(each.type == "MutexLock" for each in controls)
    seen = {tensor}
    waiting = [tensor]
    while waiting and len(seen) < MAX_SLICE_OPS:
        node, index = waiting.pop()
        locked = locked or any(each.type == "MutexLock" for each in controls_of(node))
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
            # Of a Switch the data: what its predicate is computed from, of whatever batch, is no statistic.
            following = list(node.inputs[:1] if node.type in ("Switch", "RefSwitch") else node.inputs)
            if node.type == "ReadVariableOp":
                following += [each.inputs[1] for each in assignments_before(node)]
        for each in following:
            if each not in seen:
                seen.add(each)
                waiting.append(each)
    return Slice(frozenset(variables), frozenset(batch), chosen, locked, corrected)


def _has_static_correction(node: Node) -> bool:
    """Whether this multiplies the variance of tfbn's fused kernel by a number, which the size of its batch gives."""
    return node.type == "Mul" and {source.type for source, _ in node.inputs} == {"Abs", "Const"}


def _of_virtual_batches(node: Node) -> bool:
    """Whether a reduction is over statistics, which are quotients, and not over a batch."""
    if node.type in FUSED:
        return False
    reduced = node.inputs[0][0]
    factors = [reduced, *(source for source, _ in reduced.inputs)] if reduced.type == "Mul" else [reduced]
    return any(each.type == "DivNoNan" for each in factors)

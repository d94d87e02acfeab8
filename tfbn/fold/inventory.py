"""All batch norms of a frozen graph, whether they can be folded or not, each with what keeps it as it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from tfbn.fold.frozen import Frozen
from tfbn.fold.linear import LINEAR
from tfbn.graphdef import dataflow
from tfbn.graphdef.arithmetic import FUSED
from tfbn.graphdef.constants import Constants
from tfbn.graphdef.dataflow import Node, Tensor, origin_of
from tfbn.graphdef.recognize import normalizes_by_batch
from tfbn.graphdef.slices import slice_of

# The op of before TensorFlow 1: (t - m) * rsqrt(v + variance_epsilon) * gamma + beta.
GLOBAL = "BatchNormWithGlobalNormalization"
NORMS = (*FUSED, GLOBAL)
PASSING = ("Identity", "Snapshot", "StopGradient")
MOVING = ("Reshape", "Squeeze", "ExpandDims", "Transpose")
ADDING = ("BiasAdd", "BiasAddV1", "Add", "AddV2", "Sub")
SCALING = ("Mul", "RealDiv", "Div")
_ROOTS = ("Rsqrt", "Sqrt", "Pow")
_REDUCTIONS = ("Mean", "Sum")
# What may stand between the root of a variance and the op that scales by it.
_BEFORE_SCALING = (
    *(*PASSING, *MOVING, *dataflow.PASSING),
    *("Add", "AddV2", "BroadcastTo", "Cast", "Maximum"),
)
_DIVIDING = ("RealDiv", "Div", "DivNoNan")
_INVERTING = ("Reciprocal", "Inv")

_BY_BATCH = "it normalizes by the batch: make an inference graph first, with tfbn.export"
_BY_RUN = "each run decides whether it normalizes by the batch: make an inference graph first, with tfbn.export"
_NO_CONSTANTS = "its parameters or statistics are no constants"


def list_batch_norms(frozen: Frozen, constants: Constants) -> Iterator[tuple[Node, str]]:
    """The ops that multiply, or that the factor is a root of, and why they stay where no layer says another reason.

    What looks like a batch norm counts as one: it scales by the root of a variance over the batch plus a constant.
    """
    for node in [*frozen.nodes, *frozen.in_functions]:
        for norm, reason in _norms_at(node, frozen, constants):
            yield norm, reason if reason == _BY_BATCH else frozen.why_unfoldable(norm) or reason


def _norms_at(node: Node, frozen: Frozen, constants: Constants) -> Iterator[tuple[Node, str]]:
    if node.type in NORMS:
        yield node, explain(node, frozen, constants)
    elif "fused_ops" in node.attr and b"FusedBatchNorm" in node.attr["fused_ops"].list.s:
        yield node, f"TensorFlow's graph optimizer has made it a part of a {node.type}: fold the graph from before that"
    elif node.type in _ROOTS:
        value = constants.value((node, 0))
        if value is None:
            reason = _explain_composed(node, frozen, constants)
            if reason:
                yield node, reason
        elif value.ndim and (node.type == "Rsqrt" or node.inputs[0][0].type in ("Add", "AddV2")):
            for scaled in _scaled_by(frozen, constants, (node, 0)):
                data = [each for each in scaled.inputs if constants.value(each) is None]
                yield scaled, _explain_input(data[0][0])


def explain(node: Node, frozen: Frozen, constants: Constants) -> str:
    """What keeps a batch norm of one op as it is."""
    if normalizes_by_batch(node.type, node.attr):
        return _BY_BATCH
    if any(constants.value(each) is None for each in node.inputs[1:5]):
        return _NO_CONSTANTS
    return _explain_input(node.inputs[0][0])


def _explain_input(node: Node) -> str:
    while node.type in (*PASSING, *MOVING, *ADDING) and node.inputs:
        node = node.inputs[0][0]
    if node.type in LINEAR:
        return f"what stands between {node.name} and it is not followed"
    return f"in front of it is no linear layer but {node.name} ({node.type})"


def _scaled_by(frozen: Frozen, constants: Constants, tensor: Tensor) -> Iterator[Node]:
    """What multiplies something that is no constant by what becomes of a constant."""
    for node in frozen.users(tensor):
        if constants.value((node, 0)) is not None:
            yield from _scaled_by(frozen, constants, (node, 0))
        elif node.type in SCALING:
            yield node


def _explain_composed(node: Node, frozen: Frozen, constants: Constants) -> str | None:
    """Of the root of a variance that is no constant; None for what is no batch norm."""
    variance = _variance_under(node, constants)
    if variance is None or not _scales(node, frozen, constants):
        return None
    source = slice_of(variance)
    if any(each.type in FUSED for each in source.batch):  # which is in the list itself
        return None
    if _over_batch(source.batch, frozen, constants):
        return _BY_RUN if source.chosen else _BY_BATCH
    return _NO_CONSTANTS if source.variables or _is_fixed(origin_of(variance), frozen, constants) else None


def _is_fixed(tensor: Tensor, frozen: Frozen, constants: Constants) -> bool:
    """Whether it is a value for each channel that no run computes: a constant, or fed."""
    value = constants.value(tensor)
    if value is not None:
        return value.ndim > 0
    shape = (frozen.shape(tensor) or []) if tensor[0].type.startswith("Placeholder") else []
    return None not in shape and sum(size != 1 for size in shape) == 1


def _variance_under(node: Node, constants: Constants) -> Tensor | None:
    """What is under a root together with a constant."""
    if node.type == "Pow":
        exponent = constants.value(origin_of(node.inputs[1]))
        if exponent is None or exponent.size != 1 or abs(exponent.item()) != 0.5:
            return None
    summed, _ = origin_of(node.inputs[0])
    if summed.type == "Mean":  # the constant may be added to the root
        return node.inputs[0]
    if summed.type not in ("Add", "AddV2"):
        return None
    fixed = [constants.value(origin_of(each)) for each in summed.inputs]
    variances = [each for each, value in zip(summed.inputs, fixed) if value is None or value.ndim]
    return variances[0] if len(variances) == 1 else None


def _scales(node: Node, frozen: Frozen, constants: Constants) -> bool:
    """Whether something is divided by a root, or multiplied by the inverse of one."""
    exponent = constants.value(origin_of(node.inputs[1])) if node.type == "Pow" else None
    start = (node, node.type == "Rsqrt" or (exponent is not None and exponent.item() < 0))
    visited, waiting = {start}, [start]
    while waiting:
        op, is_inverse = waiting.pop()
        for user in frozen.users((op, 0)):
            if is_inverse and user.type in ("Mul", "MulNoNan"):
                return True
            if user.type in _DIVIDING and (user.inputs[0][0] is op) == is_inverse:
                return True
            following = (user, is_inverse != (user.type in _INVERTING))
            if user.type in (*_BEFORE_SCALING, *_INVERTING) and following not in visited:
                visited.add(following)
                waiting.append(following)
    return False


def _over_batch(reductions: Iterable[Node], frozen: Frozen, constants: Constants) -> bool:
    """Whether any of these is over the first axis; the statistics of a layer or an instance norm are not."""
    waiting, visited = list(reductions), set()
    while waiting:
        node = waiting.pop()
        visited.add(node)
        axes = constants.value(origin_of(node.inputs[1]))
        shape = frozen.shape(node.inputs[0])
        first = (0,) if shape is None else (0, -len(shape))
        if axes is None or any(int(axis) in first for axis in np.atleast_1d(axes)):
            return True
        # Sums of sums, with weights between them.
        behind = [source for source, _ in node.inputs[0][0].inputs] if "Mul" in node.inputs[0][0].type else []
        for each in (node.inputs[0][0], *behind):
            if each.type in _REDUCTIONS and each not in visited:
                waiting.append(each)
    return False

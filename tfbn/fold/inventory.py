"""Lists all batch norms of a frozen graph, foldable or not, each with the reason why it might stay."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from tfbn.fold.frozen import Frozen
from tfbn.fold.linear import LINEAR
from tfbn.graphdef.constants import Constants
from tfbn.graphdef.dataflow import Node, origin_of
from tfbn.graphdef.forms import Form, find_forms
from tfbn.graphdef.op_types import FUSED, GLOBAL, PASSING, QUOTIENTS, normalizes_by_batch
from tfbn.graphdef.slices import slice_of
from tfbn.graphdef.statistic import MAX_OPS, Statistic, statistic_of

NORMS = (*FUSED, GLOBAL)
IDENTITIES = ("Identity", "Snapshot", "StopGradient")
MOVING = ("Reshape", "Squeeze", "ExpandDims", "Transpose", "DepthToSpace", "BatchToSpaceND")
AVERAGING = ("Mean", "AvgPool", "AvgPool3D")
MAXIMA = ("MaxPool", "MaxPool3D")
PADDING = ("Pad", "PadV2", "MirrorPad")
MIXING_POSITIONS = (*AVERAGING, *MAXIMA, *PADDING, "Cast")  # and no channels
ADDING = ("BiasAdd", "BiasAddV1", "Add", "AddV2", "Sub")
SCALING = ("Mul", "RealDiv", "Div")
_ROOTS = ("Rsqrt", "Sqrt", "Pow")
_REDUCTIONS = ("Mean", "Sum")
# Ops that may be between the root of a variance and the op that scales by it.
_BEFORE_SCALING = (
    *(*IDENTITIES, *MOVING, *PASSING),
    *("Add", "AddV2", "BroadcastTo", "Cast", "Maximum"),
)
_MULTIPLYING = ("Mul", "MulNoNan")
_INVERTING = ("Reciprocal", "Inv")

BY_BATCH = "it normalizes by the batch: make an inference graph first, with tfbn.export"
_BY_RUN = "each run decides whether it normalizes by the batch: make an inference graph first, with tfbn.export"
_NO_CONSTANTS = "its parameters or statistics are not constants"
_UNRECOGNIZED = "it scales by the root of {}, but no batch norm was recognized around it"


class BatchNorm(NamedTuple):
    """A batch norm of the graph, or what looks like one."""

    node: Node  # the op that scales; if its factor is not constant, the root of the variance
    reason: str  # why it stays, unless a layer gives another reason
    recognized: bool


def list_batch_norms(frozen: Frozen, constants: Constants) -> Iterator[BatchNorm]:
    """All of the graph's and its functions' batch norms, each once."""
    nodes = [*frozen.nodes, *frozen.in_functions]
    forms = list(find_forms(nodes, frozen.consumers))
    known = {each for form in forms for each in (form.node, form.scaling)}
    by_scaling = {form.scaling: form for form in reversed(forms) if form.scaling.type not in NORMS}
    norms = [BatchNorm(node, reason, True) for node in nodes for reason in _explain_op(node, frozen, constants)]
    norms += [_describe(form, constants) for form in by_scaling.values()]
    for node in nodes:
        if node.type in _ROOTS and node not in known:
            scaling = _scaled_by(node, frozen, constants)
            source = _describe_source(node, frozen, constants)
            if scaling is not None and scaling not in known and source:
                is_fixed = constants.value((node, 0)) is not None
                norms.append(BatchNorm(scaling if is_fixed else node, _UNRECOGNIZED.format(source), False))
    for norm in norms:
        if norm.reason != BY_BATCH:
            norm = norm._replace(reason=frozen.why_unfoldable(norm.node) or norm.reason)
        yield norm


def _explain_op(node: Node, frozen: Frozen, constants: Constants) -> Iterator[str]:
    if node.type in NORMS and not _normalizes_samples(node, frozen, constants):
        yield explain(node, constants)
    elif "fused_ops" in node.attr and b"FusedBatchNorm" in node.attr["fused_ops"].list.s:
        yield f"TensorFlow's graph optimizer has made it a part of a {node.type}: fold the graph from before that"


def _normalizes_samples(node: Node, frozen: Frozen, constants: Constants) -> bool:
    """Whether its channels are samples, as in a layer norm that uses the fused op, without scale and offset."""
    if not normalizes_by_batch(node.type, node.attr) or origin_of(node.inputs[0])[0].type != "Reshape":
        return False
    shape = frozen.shape(node.inputs[0])
    for tensor, uniform in zip(node.inputs[1:3], (1, 0)):
        value = constants.value(tensor)
        if origin_of(tensor)[0].type != "Fill" and (value is None or (value != uniform).any()):
            return False
    return shape is not None and shape[0] == 1


def explain(node: Node, constants: Constants) -> str:
    """Why a batch norm of one op cannot be folded."""
    if normalizes_by_batch(node.type, node.attr):
        return BY_BATCH
    if node.type == "_FusedBatchNormEx":
        return "TensorFlow's graph optimizer has made one op of it and others: fold the graph from before that"
    if any(constants.value(tensor) is None for tensor in node.inputs[1:5]):
        # Training uses the inference mode, too, with moments that were computed before.
        statistics = [statistic_of(tensor) for tensor in node.inputs[3:5]] if node.type in FUSED else []
        return _explain_batch([known for known in statistics if known is not None]) or _NO_CONSTANTS
    return _explain_input(node.inputs[0][0])


def _explain_batch(statistics: Iterable[Statistic]) -> str | None:
    """Why statistics of the batch cannot be folded, and what to do; None if there are none."""
    if not any(each.batch for each in statistics):
        return None
    return _BY_RUN if any(each.chosen for each in statistics) else BY_BATCH


def _explain_input(node: Node) -> str:
    node = _source_of_data(node)
    if node.type in LINEAR:
        return f"what stands between {node.name} and it is not followed"
    if node.type == "ConcatV2":
        for source in (_source_of_data(each) for each, _ in node.inputs[:-1]):
            if source.type not in LINEAR:
                other = f"{source.name} ({source.type})"
                return f"in front of it is {node.name} (ConcatV2), which takes {other}, no linear layer"
    return f"in front of it is no linear layer but {node.name} ({node.type})"


def _source_of_data(node: Node) -> Node:
    """The first op in front that does more than reshape, average, shift or scale a single input."""
    through = (*IDENTITIES, *MOVING, *MIXING_POSITIONS, *ADDING, *SCALING)
    while node.type in through and node.inputs:
        data = [source for source, _ in node.inputs if statistic_of((source, 0)) is None]
        if len(data) != 1:
            break
        node = data[0]
    return node


def _describe(form: Form, constants: Constants) -> BatchNorm:
    """A batch norm that is composed of several ops."""
    reason = _explain_batch((form.mean, form.variance))
    if reason:
        return BatchNorm(form.node, reason, True)
    if constants.value((form.node, 0)) is None:
        return BatchNorm(form.node, _NO_CONSTANTS, True)
    if any(each.type != "Const" for each in form.mean.vectors):
        return BatchNorm(form.scaling, _NO_CONSTANTS, True)
    return BatchNorm(form.scaling, _explain_input(form.scaling), True)


def _scaled_by(root: Node, frozen: Frozen, constants: Constants) -> Node | None:
    """The op that divides data by a root, or multiplies them by the inverse of one."""
    exponent = constants.value(origin_of(root.inputs[1])) if root.type == "Pow" else None
    if root.type == "Pow" and (exponent is None or exponent.size != 1 or abs(exponent.item()) != 0.5):
        return None
    start = (root, root.type == "Rsqrt" or (exponent is not None and exponent.item() < 0))
    visited, waiting = {start}, [start]
    while waiting:
        node, is_inverse = waiting.pop()
        for user in frozen.users((node, 0)):
            is_inverted = is_inverse
            if user.type in (*_MULTIPLYING, *QUOTIENTS):
                place = 0 if user.inputs[0][0] is node else 1
                is_inverted = is_inverse != (user.type in QUOTIENTS and place == 1)
                other = user.inputs[1 - place]
                if statistic_of(other) is None and not _is_fixed(other[0]):
                    if is_inverted:
                        return user
                    continue
            elif user.type in _INVERTING:
                is_inverted = not is_inverse
            elif user.type not in _BEFORE_SCALING:
                continue
            if (user, is_inverted) not in visited:
                visited.add((user, is_inverted))
                waiting.append((user, is_inverted))
    return None


def _describe_source(root: Node, frozen: Frozen, constants: Constants) -> str:
    """Describes the operand of a root that may be a variance per channel; '' for any other root."""
    if _is_fixed(root):
        return "constants" if frozen.shape((root, 0)) else ""
    batch = slice_of(root.inputs[0]).batch
    averages = [reduction for reduction in batch if reduction.type == "Mean"]
    if averages and _over_batch(averages, frozen, constants):
        return f"an average over the batch ({', '.join(sorted(reduction.name for reduction in averages))})"
    return ""


def _is_fixed(node: Node) -> bool:
    """Whether it is computed only from constants, by any ops."""
    seen, waiting = {node}, [node]
    while waiting and len(seen) < MAX_OPS:
        source = waiting.pop()
        if not source.inputs and source.type != "Const":
            return False
        new = {before for before, _ in source.inputs} - seen
        seen |= new
        waiting += new
    return not waiting


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
        # Sums of sums, with weights in between.
        behind = [source for source, _ in node.inputs[0][0].inputs] if "Mul" in node.inputs[0][0].type else []
        for source in (node.inputs[0][0], *behind):
            if source.type in _REDUCTIONS and source not in visited:
                waiting.append(source)
    return False

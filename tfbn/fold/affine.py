"""Ops that multiply by constants and add constants, alone and in sequence."""

from __future__ import annotations

from collections.abc import Set
from typing import NamedTuple

import numpy as np

from tfbn.fold import kernels
from tfbn.fold.frozen import Frozen
from tfbn.fold.inventory import ADDING, IDENTITIES, SCALING
from tfbn.graphdef.constants import Constants
from tfbn.graphdef.dataflow import Node, Tensor
from tfbn.graphdef.op_types import FUSED, GLOBAL, normalizes_by_batch


class Run(NamedTuple):
    """Consecutive affine ops, each the only consumer of the one before it: y = x * slope + offset."""

    data: Tensor  # the input of the first op
    nodes: list[Node]
    slope: np.ndarray  # both shaped to broadcast
    offset: np.ndarray


def run_around(node: Node, frozen: Frozen, constants: Constants, apart: Set[Node]) -> Run | None:
    """The longest run that contains an op and none of those `apart`; None where the op itself is not affine."""
    data = data_of(node, constants)
    if data is None or node in apart or _affine(node, data, frozen, constants) is None:
        return None
    nodes = [node]
    while True:
        before = data[0]
        further = None if before in apart else data_of(before, constants)
        if further is None or not _only_feeds(data, frozen) or _affine(before, further, frozen, constants) is None:
            break
        nodes, data = [before, *nodes], further
    while _only_feeds((nodes[-1], 0), frozen):
        (after,) = frozen.users((nodes[-1], 0))
        if after in apart or _affine(after, (nodes[-1], 0), frozen, constants) is None:
            break
        nodes.append(after)
    slope, offset = np.ones([]), np.zeros([])
    tensor = data
    for op in nodes:
        affine = _affine(op, tensor, frozen, constants)
        if affine is None:
            return None
        slope, offset = slope * affine[0], offset * affine[0] + affine[1]
        tensor = (op, 0)
    return Run(data, nodes, slope, offset)


def data_of(node: Node, constants: Constants) -> Tensor | None:
    """The only input of an op that is not a constant; the first input of a batch norm in one op."""
    if node.type in (*FUSED, GLOBAL):
        return node.inputs[0]
    data = [tensor for tensor in node.inputs if constants.value(tensor) is None]
    return data[0] if len(data) == 1 else None


def _only_feeds(tensor: Tensor, frozen: Frozen) -> bool:
    """Whether a tensor has a single use, and its op no other one."""
    alone = len(frozen.users(tensor)) == 1 and tensor not in frozen.outputs
    return alone and tensor[1] == 0 and not frozen.has_other_use(tensor[0])


def _affine(node: Node, tensor: Tensor, frozen: Frozen, constants: Constants) -> tuple[np.ndarray, np.ndarray] | None:
    if node.type in IDENTITIES:
        return np.ones([]), np.zeros([])
    return factor_and_term(node, tensor, len(frozen.shape(tensor) or ()), constants)


def factor_and_term(
    node: Node, tensor: Tensor, rank: int, constants: Constants
) -> tuple[np.ndarray, np.ndarray] | None:
    """The factor and offset that an op applies to a tensor of this rank, shaped to broadcast; None for other ops."""
    if node.type in (*FUSED[:3], GLOBAL):
        return _factor_and_term_of_norm(node, tensor, constants)
    if node.type not in (*ADDING, *SCALING) or len(node.inputs) != 2:
        return None
    place = node.inputs.index(tensor)
    value = constants.value(node.inputs[1 - place])
    if value is None or value.dtype.kind != "f":
        return None
    zero, one = np.zeros([]), np.ones([])
    if node.type == "Mul":
        return value, zero
    if node.type in SCALING:
        return None if place else (1 / value, zero)
    if node.type == "Sub":
        return (-one, value) if place else (one, -value)
    if node.type == "BiasAdd" and "data_format" in node.attr and node.attr["data_format"].s == b"NCHW":
        return (one, kernels.along(value, 1, rank)) if rank > 1 else None
    return one, value


def _factor_and_term_of_norm(node: Node, tensor: Tensor, constants: Constants) -> tuple[np.ndarray, np.ndarray] | None:
    if normalizes_by_batch(node.type, node.attr) or node.inputs[0] != tensor:
        return None
    values = [constants.value(parameter) for parameter in node.inputs[1:5]]
    if any(value is None for value in values):
        return None
    if node.type == GLOBAL:
        mean, variance, beta, gamma = values
        gamma = gamma if node.attr["scale_after_normalization"].b else None
        epsilon = node.attr["variance_epsilon"].f
    else:
        gamma, beta, mean, variance = values
        epsilon = node.attr["epsilon"].f if "epsilon" in node.attr else 1e-4
    slope, offset = kernels.slope_and_offset(mean, variance, gamma, beta, epsilon)
    axis = 1 if "data_format" in node.attr and node.attr["data_format"].s == b"NCHW" else 3
    return kernels.along(slope, axis, 4), kernels.along(offset, axis, 4)

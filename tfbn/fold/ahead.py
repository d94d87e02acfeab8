"""Folds a batch norm into the linear layers after it, which is exact if they do not pad."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from tfbn.fold import kernels
from tfbn.fold.affine import Run
from tfbn.fold.channels import Channels, find_obstacle
from tfbn.fold.frozen import Frozen
from tfbn.fold.inventory import IDENTITIES, MIXING_POSITIONS, MOVING
from tfbn.fold.linear import LINEAR, Linear
from tfbn.graphdef.constants import SHAPES, Constants
from tfbn.graphdef.dataflow import Node, Tensor

_PADDING = "SpaceToBatchND"


class Entry(NamedTuple):
    """The transform that a layer's kernel absorbs: y = x * slope + offset, by its input channels."""

    linear: Linear
    slope: np.ndarray
    offset: np.ndarray

    def absorbed(self) -> tuple[Linear, np.ndarray]:
        """The layer with the new kernel, and the bias to add to its outputs."""
        linear = self.linear
        bias = kernels.response(linear.layer, linear.kernel, self.offset)
        return linear._replace(kernel=kernels.scale_inputs(linear.layer, linear.kernel, self.slope)), bias


def find_entries(
    run: Run, frozen: Frozen, constants: Constants, linears: Mapping[Node, Linear]
) -> list[Entry] | str | None:
    """The layers that can absorb a run; or why one cannot; None where anything but layers follows."""
    last = run.nodes[-1]
    end = (last, 0)
    users = [node for node in frozen.users(end) if node.type not in SHAPES]
    shape = frozen.shape(end)
    if not users or end in frozen.outputs or frozen.has_other_use(last) or shape != frozen.shape(run.data):
        return None
    vectors = _vectors(run, shape)
    if vectors is None:
        return None
    axis, slope, offset = vectors
    entries = []
    for user in users:
        channels = Channels(frozen, constants)
        numbers = channels.start(end, axis, len(slope))
        tensor, node = end, user
        while numbers is not None and node.type in (*IDENTITIES, *MOVING, *MIXING_POSITIONS):
            obstacle = find_obstacle(node, slope, offset, constants, "before")
            if obstacle:
                return f"{node.name} ({node.type}) behind it {obstacle}"
            numbers = numbers if node.type in IDENTITIES else channels.move(node, tensor, numbers)
            tensor = (node, 0)
            following = frozen.users(tensor)
            if len(following) != 1 or tensor in frozen.outputs or frozen.has_other_use(node):
                return None
            node = following[0]
        if node.type == _PADDING and offset.any():
            return f"{node.name} ({node.type}) behind it pads with zeros, which would have to be other values before it"
        if numbers is None or node.type not in LINEAR:
            return None
        entry = _enter(node, tensor, numbers, slope, offset, frozen, linears)
        if isinstance(entry, str):
            return f"{node.name} ({node.type}) behind it {entry}"
        entries.append(entry)
    return entries


def _vectors(run: Run, shape: list[int | None] | None) -> tuple[int, np.ndarray, np.ndarray] | None:
    """The axis of the channels, and the run's slope and offset along it."""
    try:
        slope, offset = np.broadcast_arrays(run.slope, run.offset)
    except ValueError:
        return None
    axes = [i for i, size in enumerate(slope.shape) if size != 1]
    if shape is None or slope.ndim > len(shape) or len(axes) != 1:
        return None
    axis = axes[0] + len(shape) - slope.ndim
    return (axis, slope.ravel(), offset.ravel()) if shape[axis] == slope.size else None


def _enter(
    node: Node,
    tensor: Tensor,
    numbers: np.ndarray,
    slope: np.ndarray,
    offset: np.ndarray,
    frozen: Frozen,
    linears: Mapping[Node, Linear],
) -> Entry | str:
    """The layer with the slope and the offset of each of its input channels, or why it cannot absorb them."""
    linear = linears.get(node)
    if linear is None:
        return "has a kernel that is no constant"
    if (node, 0) in frozen.outputs:
        return "is an output of the graph, and would need a bias behind it"
    if linear.layer == "conv_transpose":
        return "adds up fewer terms at its borders than elsewhere"
    if node.inputs.index(tensor) or tensor in node.inputs[1:]:
        return "takes it as a kernel"
    if linear.layer != "dense" and offset.any() and _pads(node, linear.kernel):
        return "pads with zeros, which would have to be other values before it"
    axis = 1 if linear.channels_first else numbers.ndim - 1
    if linear.layer == "dense" and any(node.attr[name].b for name in ("transpose_a", "adj_x") if name in node.attr):
        axis = numbers.ndim - 2
    if numbers.shape[axis] != kernels.inputs_of(linear.layer, linear.kernel):
        return "works on groups of its input channels"
    order = np.moveaxis(numbers, axis, -1).reshape(-1, numbers.shape[axis])
    if (order != order[0]).any():
        return "has other channels than it"
    return Entry(linear, slope[order[0]], offset[order[0]])


def _pads(node: Node, kernel: np.ndarray) -> bool:
    padding = node.attr["padding"].s
    return padding != b"VALID" and (padding != b"SAME" or any(size > 1 for size in kernel.shape[:-2]))

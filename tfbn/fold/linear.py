"""The linear layers of a frozen graph, by their ops."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tfbn.fold.fake_quant import FAKE_QUANT, round_weights
from tfbn.graphdef.constants import Constants
from tfbn.graphdef.dataflow import Node, origin_of

LINEAR = {
    "Conv2D": "conv",
    "Conv3D": "conv",
    "DepthwiseConv2dNative": "depthwise",
    "Conv2DBackpropInput": "conv_transpose",
    "Conv3DBackpropInputV2": "conv_transpose",
    "MatMul": "dense",
    "BatchMatMul": "dense",
    "BatchMatMulV2": "dense",
}


class Linear(NamedTuple):
    """A linear layer with a constant kernel."""

    node: Node
    layer: str  # as kernels.OUTPUT_AXIS has it
    kernel: np.ndarray  # in float64, as that layer keeps it
    transposed: bool  # whether the graph has it with the last two axes exchanged
    channels_first: bool


def linear_of(node: Node, constants: Constants) -> Linear | str | None:
    """The layer; or why nothing can be folded into it; None for other ops."""
    if node.type not in LINEAR:
        return None
    kernel, (source, _) = constants.value(node.inputs[1]), origin_of(node.inputs[1])
    if source.type in FAKE_QUANT:
        kernel = round_weights(source, constants)
        if kernel is None:
            return f"the kernel of {node.name} is fake-quantized, by {source.name}, in a range that is no constant"
    if kernel is None:
        return f"the kernel of {node.name} is no constant"
    layer = LINEAR[node.type]
    transposed = any(node.attr[name].b for name in ("transpose_b", "adj_y") if name in node.attr)
    if layer == "dense" and kernel.ndim != 2:
        return f"the kernel of {node.name} differs from matrix to matrix"
    channels_first = node.attr["data_format"].s in (b"NCHW", b"NCDHW") if "data_format" in node.attr else False
    return Linear(node, layer, kernel.T if transposed else kernel, transposed, channels_first)

"""The kernels of linear layers as TensorFlow lays them out, multiplied channel by channel in float64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

# The axis of the output channels in each layer's kernel. A depthwise one has a pair instead, [..., C, multiplier],
# whose outputs are the pairs in order. Layers of NCHW inputs have the same kernels.
OUTPUT_AXIS = {"conv": -1, "dense": -1, "conv_transpose": -2, "depthwise": -1}
INPUT_AXIS = {"conv": -2, "dense": -2, "conv_transpose": -1, "depthwise": -2}


def outputs_of(layer: str, kernel: np.ndarray) -> int:
    """How many output channels a layer with this kernel has."""
    if layer == "depthwise":
        return math.prod(kernel.shape[-2:])
    return kernel.shape[OUTPUT_AXIS[layer]]


def inputs_of(layer: str, kernel: np.ndarray) -> int:
    """How many input channels."""
    return kernel.shape[INPUT_AXIS[layer]]


def scale_outputs(layer: str, kernel: Any, slope: np.ndarray) -> np.ndarray:
    """The kernel, in float64, of the layer whose outputs are `slope` times as large."""
    wide = np.asarray(kernel).astype(np.float64)
    if layer == "depthwise":
        return wide * slope.reshape(wide.shape[-2:])
    return wide * along(slope, OUTPUT_AXIS[layer], wide.ndim)


def scale_inputs(layer: str, kernel: Any, slope: np.ndarray) -> np.ndarray:
    """The kernel, in float64, that gives the same outputs for inputs divided by `slope`."""
    wide = np.asarray(kernel).astype(np.float64)
    return wide * along(slope, INPUT_AXIS[layer], wide.ndim)


def response(layer: str, kernel: Any, offset: np.ndarray) -> np.ndarray:
    """The outputs, in float64, for inputs that are `offset` at every position that the kernel sees; no padding."""
    product = scale_inputs(layer, kernel, offset)
    spatial = tuple(range(product.ndim - 2))
    if layer == "depthwise":
        return product.sum(spatial).reshape(-1)
    return product.sum((*spatial, product.ndim + INPUT_AXIS[layer]))


def along(values: np.ndarray, axis: int, rank: int) -> np.ndarray:
    """A vector shaped to broadcast along one axis of a tensor of this rank."""
    shape = [1] * rank
    shape[axis] = -1
    return values.reshape(shape)


def slope_and_offset(
    moving_mean: Any, moving_variance: Any, gamma: Any, beta: Any, epsilon: float
) -> tuple[np.ndarray, np.ndarray]:
    """Batch norm in inference as y = x * slope + offset, in float64. None stands for a gamma of 1, a beta of 0."""
    mean, variance = (np.asarray(value).astype(np.float64) for value in (moving_mean, moving_variance))
    slope = 1.0 / np.sqrt(variance + epsilon)
    if gamma is not None:
        slope = slope * np.asarray(gamma).astype(np.float64)
    offset = -mean * slope
    return slope, offset if beta is None else offset + np.asarray(beta).astype(np.float64)

"""Linear layers as TensorFlow computes them, NHWC and NCHW, for the tests of folding."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tests import oracle


class Case(NamedTuple):
    """A layer, its kernels' shapes and its inputs' shape, NHWC."""

    layer: str
    shapes: tuple[tuple[int, ...], ...]
    inputs: tuple[int, ...]


CASES = {
    "conv1d": Case("conv", ((3, 4, 5),), (2, 9, 4)),
    "conv2d": Case("conv", ((3, 2, 4, 5),), (2, 7, 6, 4)),
    "conv3d": Case("conv", ((2, 3, 2, 4, 5),), (2, 5, 6, 4, 4)),
    "conv1d_transpose": Case("conv_transpose", ((3, 5, 4),), (2, 6, 4)),
    "conv2d_transpose": Case("conv_transpose", ((3, 2, 5, 4),), (2, 4, 5, 4)),
    "conv3d_transpose": Case("conv_transpose", ((2, 3, 2, 5, 4),), (2, 3, 4, 3, 4)),
    "depthwise1d": Case("depthwise", ((3, 4, 2),), (2, 9, 4)),
    "depthwise2d": Case("depthwise", ((3, 2, 4, 2),), (2, 7, 6, 4)),
    "separable1d": Case("separable", ((3, 4, 2), (1, 8, 5)), (2, 9, 4)),
    "separable2d": Case("separable", ((3, 2, 4, 2), (1, 1, 8, 5)), (2, 7, 6, 4)),
    "dense": Case("dense", ((4, 5),), (7, 4)),
}


def kernel_of(case, dtype="float64", seed=0):
    """Random kernels, not centred on zero."""
    random = np.random.RandomState(seed)
    made = tuple(random.normal(0.2, 0.5, shape).astype(dtype) for shape in case.shapes)
    return made if case.layer == "separable" else made[0]


def inputs_of(case, data_format="NHWC", dtype="float64", seed=1):
    inputs = oracle.batch(case.inputs, seed=seed)
    return (np.moveaxis(inputs, -1, 1) if data_format == "NCHW" else inputs).astype(dtype)


def channel_axis(data_format):
    return 1 if data_format == "NCHW" else -1


def apply(layer, inputs, kernel, bias=None, padding="VALID", data_format="NHWC"):
    """What TensorFlow computes. A layer of NCHW is one of NHWC between transpositions: CPUs have few kernels for it."""
    if data_format == "NCHW":
        inputs = np.moveaxis(inputs, 1, -1)
    found = _linear(layer, inputs, kernel, padding).numpy()
    found = found if bias is None else found + bias
    return np.moveaxis(found, -1, 1) if data_format == "NCHW" else found


def _linear(layer, x, kernel, padding):
    rank = x.ndim
    if layer == "dense":
        return tf.linalg.matmul(x, kernel)
    if layer == "conv":
        return tf.nn.convolution(x, kernel, padding=padding)
    if layer == "conv_transpose":
        grown = [2 * size + (k - 2 if padding == "VALID" else 0) for size, k in zip(x.shape[1:-1], kernel.shape)]
        return tf.nn.conv_transpose(x, kernel, [x.shape[0], *grown, kernel.shape[-2]], 2, padding)
    depthwise, pointwise = kernel if layer == "separable" else (kernel, None)
    if rank == 3:  # TensorFlow's op is of rank 4
        x, depthwise = x[:, None], depthwise[None]
    found = tf.nn.depthwise_conv2d(x, depthwise, [1, 1, 1, 1], padding)
    if rank == 3:
        found = found[:, 0]
    return found if pointwise is None else tf.nn.convolution(found, pointwise, padding="VALID")


def statistics(channels, seed=2, dtype="float64"):
    """The arguments of a batch norm, all of them."""
    random = np.random.RandomState(seed)
    return {
        "moving_mean": random.normal(1.5, 2.0, channels).astype(dtype),
        "moving_variance": random.gamma(2.0, 1.5, channels).astype(dtype),
        "gamma": random.normal(1.2, 0.6, channels).astype(dtype),
        "beta": random.normal(-0.7, 0.9, channels).astype(dtype),
    }

"""The kernels: inputs, statistics and affine parameters in, normalized outputs out."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from tfbn.ops.layout import Layout
from tfbn.ops.moments import Moments

_VERSION = tuple(int(part) for part in tf.__version__.split(".")[:2])
# The dtypes that the fused kernel takes; it computes in float32. Before 2.14, bfloat16 had a CPU kernel only where
# oneDNN replaced TensorFlow's own, which depends on the machine that will run the graph.
FUSED_DTYPES = (tf.float16, tf.float32, *([tf.bfloat16] if _VERSION >= (2, 14) else []))
# cuDNN's lower bound on epsilon; TensorFlow applies it on every device.
FUSED_EPSILON_FLOOR = 1.001e-5


class Fused(NamedTuple):
    """What the fused kernel's training mode returns; the variance is unbiased."""

    outputs: tf.Tensor
    mean: tf.Tensor
    variance: tf.Tensor


def compute_dtype(dtype: tf.DType) -> tf.DType:
    """The dtype statistics and affine arithmetic are carried in: half precisions in float32."""
    return tf.float32 if dtype in (tf.float16, tf.bfloat16) else dtype


def fused_train(inputs: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: float, layout: Layout) -> Fused:
    """FusedBatchNormV3 in training mode on the 4-D view of `inputs`."""
    unused = tf.constant([], tf.float32)
    result = tf.raw_ops.FusedBatchNormV3(
        x=layout.view_4d(inputs),
        scale=gamma,
        offset=beta,
        mean=unused,
        variance=unused,
        epsilon=epsilon,
        data_format=layout.data_format,
        is_training=True,
    )
    return Fused(layout.restore(result.y, inputs), result.batch_mean, result.batch_variance)


def fused_infer(
    inputs: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, moments: Moments, epsilon: float, layout: Layout
) -> tf.Tensor:
    """FusedBatchNormV3 in inference mode: the op that the graph optimizer fuses into a preceding convolution."""
    result = tf.raw_ops.FusedBatchNormV3(
        x=layout.view_4d(inputs),
        scale=gamma,
        offset=beta,
        mean=moments.mean,
        variance=moments.variance,
        epsilon=epsilon,
        data_format=layout.data_format,
        is_training=False,
    )
    return layout.restore(result.y, inputs)


def composed(
    inputs: tf.Tensor,
    moments: Moments,
    gamma: tf.Tensor | None,
    beta: tf.Tensor | None,
    epsilon: float,
    layout: Layout,
    dtype: tf.DType | None = None,
) -> tf.Tensor:
    """inv = gamma * rsqrt(variance + epsilon); y = x * inv + (beta - mean * inv).

    `gamma` and `beta` have the parameters' shape or any that broadcasts against the inputs; None stands for 1 and 0.
    The outputs are of `dtype`, by default the inputs'.
    """
    mean, variance = (layout.broadcast(moment) for moment in moments)
    gamma, beta = (layout.broadcast(p) if p is not None and p.shape.rank == 1 else p for p in (gamma, beta))
    wide = tf.cast(inputs, compute_dtype(inputs.dtype))
    return tf.cast(tf.nn.batch_normalization(wide, mean, variance, beta, gamma, epsilon), dtype or inputs.dtype)

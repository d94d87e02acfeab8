"""The kernels: inputs, statistics and affine parameters in, normalized outputs out.

TensorFlow's fused op, and composed ops for dtypes and channel axes that it does not serve, and for `fused=False`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tfbn import _tensorflow
from tfbn.ops import gradients
from tfbn.ops.layout import Layout
from tfbn.ops.moments import Moments

_VERSION = tuple(int(part) for part in tf.__version__.split(".")[:2])
# The dtypes that the fused kernel takes; it computes in float32. Before 2.14, bfloat16 had a CPU kernel only where
# oneDNN replaced TensorFlow's own, which depends on the machine that will run the graph.
FUSED_DTYPES = (tf.float16, tf.float32, *([tf.bfloat16] if _VERSION >= (2, 14) else []))
# cuDNN's lower bound on epsilon. TensorFlow 1.15 raises a smaller one to it on every device, TensorFlow 2 on none.
FUSED_EPSILON_FLOOR = 1.001e-5


class Fused(NamedTuple):
    """The results of the fused kernel's training mode; the variance is unbiased."""

    outputs: tf.Tensor
    mean: tf.Tensor
    variance: tf.Tensor
    reserve: tuple[tf.Tensor, tf.Tensor, tf.Tensor]  # for the kernel's gradient
    kernel: tf.Operation | None  # in a graph


def compute_dtype(dtype: tf.DType) -> tf.DType:
    """The dtype of statistics and affine arithmetic: float32 for half precisions."""
    return tf.float32 if dtype in (tf.float16, tf.bfloat16) else dtype


def fused_train(inputs: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: float, layout: Layout) -> Fused:
    """FusedBatchNormV3 in training mode on the 4-D view of `inputs`."""
    unused = tf.constant([], tf.float32)
    result = _fused_op_in_bodies(
        layout.view_4d(inputs), gamma, beta, unused, unused, epsilon, layout.fused_format, True
    )
    # XLA computes the variance as a difference of squares, which may be negative far from zero. Not a relu, which
    # TensorFlow's graph optimizer would take for one of the kernel's first output.
    kernel = None if tf.executing_eagerly() else result.batch_mean.op
    reserve = result.reserve_space_1, result.reserve_space_2, result.reserve_space_3
    return Fused(layout.restore(result.y, inputs), result.batch_mean, tf.abs(result.batch_variance), reserve, kernel)


def fused_infer(
    inputs: tf.Tensor, moments: Moments, gamma: tf.Tensor, beta: tf.Tensor, epsilon: float, layout: Layout
) -> tf.Tensor:
    """FusedBatchNormV3 in inference mode: the op that the graph optimizer fuses into a preceding convolution."""
    result = _fused_op_in_bodies(layout.view_4d(inputs), gamma, beta, *moments, epsilon, layout.fused_format, False)
    return layout.restore(result.y, inputs)


def composed(
    inputs: tf.Tensor,
    moments: Moments,
    gamma: tf.Tensor | None,
    beta: tf.Tensor | None,
    epsilon: float | tf.Tensor,
    layout: Layout,
    centred: tf.Tensor | None = None,
) -> tf.Tensor:
    """y = (x - mean) * (gamma / sqrt(variance + epsilon)) + beta.

    `gamma` and `beta` have the parameters' shape; None stands for 1 and 0. `centred` is x - mean in the dtype of
    computation, if that has been computed already.
    """
    mean, variance, gamma, beta = (None if v is None else layout.broadcast(v) for v in (*moments, gamma, beta))
    wide = tf.cast(inputs, compute_dtype(inputs.dtype))
    # The names of tf.nn.batch_normalization, by which programs fetch the outputs of frozen graphs.
    with tf.name_scope("batchnorm"):
        # Centred first: x * slope - mean * slope would cancel where the mean is large.
        outputs = (wide - mean if centred is None else centred) * _slope(variance, epsilon, gamma)
        outputs = outputs if beta is None else tf.add(outputs, beta, name="add_1")
    return tf.cast(outputs, inputs.dtype)


def fused_op(x: Any, scale: Any, offset: Any, mean: Any, variance: Any, epsilon: float, form: str, train: bool) -> Any:
    return tf.raw_ops.FusedBatchNormV3(
        x=x,
        scale=scale,
        offset=offset,
        mean=mean,
        variance=variance,
        epsilon=epsilon,
        data_format=form,
        is_training=train,
    )


def _fused_op_in_bodies(
    x: tf.Tensor,
    scale: tf.Tensor,
    offset: tf.Tensor,
    mean: tf.Tensor,
    variance: tf.Tensor,
    epsilon: float,
    form: str,
    train: bool,
) -> Any:
    """`fused_op`, with a gradient that can be differentiated in the body of a conditional or loop of a tf.function.

    TensorFlow's gradient of FusedBatchNormGradV3 watches tensors of the graph that contains the op. A body's gradient
    is another graph, where its tape loses track of them: all second derivatives except those by arguments from outside
    of the body are zeros. In other graphs TensorFlow's gradient is right.
    """
    result = fused_op(x, scale, offset, mean, variance, epsilon, form, train)
    if not (_tensorflow.in_v2_body() and _tensorflow.graph_around_bodies().building_function):
        return result

    def kernel(*inputs: tf.Tensor) -> list[tf.Tensor]:
        names = ("y_backprop", "x", "scale", "reserve_space_1", "reserve_space_2", "reserve_space_3")
        # TensorFlow's own CPU kernel has no gradient for fixed moments in NCHW.
        transposed = form == "NCHW" and not train
        dy, x, *rest = inputs
        if transposed:
            dy, x = (tf.transpose(value, [0, 2, 3, 1]) for value in (dy, x))
        grads = tf.raw_ops.FusedBatchNormGradV3(
            **dict(zip(names, (dy, x, *rest))),
            epsilon=epsilon,
            data_format="NHWC" if transposed else form,
            is_training=train,
        )
        dx = grads.x_backprop
        return [tf.transpose(dx, [0, 3, 1, 2]) if transposed else dx, grads.scale_backprop, grads.offset_backprop]

    def first(grads: Sequence[tf.Tensor], x: tf.Tensor, scale: tf.Tensor, _: tf.Tensor, *reserve: tf.Tensor) -> Any:
        inputs = (grads[0], x, scale, *reserve)
        return [*gradients.under_tape(second, kernel(*inputs), *inputs), *[None] * len(reserve)]

    def second(grads: Sequence[tf.Tensor], *inputs: tf.Tensor) -> Any:
        inputs = tuple(tf.identity(value) for value in inputs)  # in this graph
        sources = inputs[:3]
        with tf.GradientTape() as tape:
            tape.watch(sources)
            outputs = kernel(*inputs)
        return [*tape.gradient(outputs, sources, list(grads)), *[None] * len(inputs[3:])]

    reserve = (result.reserve_space_1, result.reserve_space_2) if train else (mean, variance)
    (y,) = gradients.under_tape(first, [result.y], x, scale, offset, *reserve, result.reserve_space_3)
    # Constants to the gradient: TensorFlow's has none with respect to them.
    return result._replace(
        y=y, batch_mean=tf.stop_gradient(result.batch_mean), batch_variance=tf.stop_gradient(result.batch_variance)
    )


def _slope(variance: tf.Tensor, epsilon: float | tf.Tensor, gamma: tf.Tensor | None) -> tf.Tensor:
    inverse = tf.math.rsqrt(variance + epsilon)
    return inverse if gamma is None else gamma * inverse


def or_constants(
    gamma: tf.Tensor | None, beta: tf.Tensor | None, dtype: tf.DType, layout: Layout
) -> tuple[tf.Tensor, tf.Tensor]:
    """Replaces an absent gamma by 1 and an absent beta by 0, for kernels that require both."""
    gamma = tf.ones(layout.param_shape, dtype) if gamma is None else gamma
    return gamma, tf.zeros(layout.param_shape, dtype) if beta is None else beta

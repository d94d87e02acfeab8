"""Normalization by the inputs' own moments, with a gradient in closed form.

With k = gamma / sqrt(variance + epsilon), xhat = (x - mean) / sqrt(variance + epsilon), sums over the samples, and each
sample's share in the moments, 1 / n or its weight's part of all weights:

    dbeta = sum(dy);  dgamma = sum(dy * xhat);  dx = k * (dy - share * (dbeta + xhat * dgamma))

Automatic differentiation of the formulas takes about three times as many passes over the tensor. Where a share is
zero, dx = k * dy, the gradient for fixed moments. Everything here can be differentiated a second time.

With `across`, the moments and the sums in dx are those of all replicas, while the returned gradients of gamma and beta
are those of one replica, for the caller to sum.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfbn.ops import gradients, normalize, replicas
from tfbn.ops.layout import Layout
from tfbn.ops.moments import Moments, sum_over


def composed(
    inputs: tf.Tensor,
    moments: Moments,
    shares: tf.Tensor,
    gamma: tf.Tensor | None,
    beta: tf.Tensor | None,
    epsilon: float,
    layout: Layout,
    across: bool = False,
    centred: tf.Tensor | None = None,
) -> tf.Tensor:
    """`normalize.composed`, with `shares` a number or of a shape that broadcasts against the inputs.

    An integer in their place is the size of the inputs: all samples count the same, and the gradient counts them. The
    moments of no samples may be NaN then.
    """
    constant = tf.constant(epsilon, inputs.dtype)
    outputs = normalize.composed(inputs, moments, gamma, beta, constant, layout, centred)
    operands = [*normalize.or_constants(gamma, beta, inputs.dtype, layout), *moments]
    operands = [inputs, *(layout.broadcast(value) for value in operands)]
    name = "TfbnReplicasOwnMoments" if across else "TfbnOwnMoments"
    if shares.dtype.is_integer:
        name = "TfbnCountedOwnMoments"
    (outputs,) = gradients.with_gradient(name, [outputs], *operands, shares, constant)
    return outputs


def fused(
    inputs: tf.Tensor,
    moments: Moments,
    shares: tf.Tensor,
    gamma: tf.Tensor | None,
    beta: tf.Tensor | None,
    epsilon: float,
    layout: Layout,
    across: bool = False,
) -> tf.Tensor:
    """`normalize.fused_infer`, with `shares` a number or of a shape that broadcasts against the inputs.

    The channels are last: TensorFlow's own CPU kernel has no gradient for fixed moments in NCHW.
    """
    x = layout.view_4d(inputs)
    shares = shares if shares.shape.rank == 0 else layout.view_4d_shares(shares, inputs)
    gamma, beta = normalize.or_constants(gamma, beta, tf.float32, layout)
    outputs = normalize.fused_op(x, gamma, beta, moments.mean, moments.variance, epsilon, "NHWC", False).y
    name = "TfbnReplicasFusedOwnMoments" if across else "TfbnFusedOwnMoments"
    (outputs,) = gradients.with_gradient(name, [outputs], x, gamma, beta, *moments, shares, tf.constant(epsilon))
    return layout.restore(outputs, inputs)


def fused_again(
    inputs: tf.Tensor,
    trained: normalize.Fused,
    moments: Moments,
    scale: tf.Tensor,
    offset: tf.Tensor,
    epsilon: float,
    layout: Layout,
    constant: tf.Tensor,
) -> tf.Tensor:
    """The outputs of `normalize.fused_train` for the same inputs with another scale and offset.

    `trained` is its result for these inputs. Uses the kernel's inference mode, which computes no moments, with the
    gradient of its training mode. The channels are last, as for `fused`. `constant` is epsilon as a constant of the
    graph.
    """
    x = layout.view_4d(inputs)
    outputs = normalize.fused_op(x, scale, offset, *moments, epsilon, "NHWC", False).y
    operands = [x, scale, offset, *moments, *trained.reserve, constant]
    (outputs,) = gradients.with_gradient("TfbnFusedAgain", [outputs], *operands)
    return layout.restore(outputs, inputs)


def _composed_gradient(
    grads: Sequence[tf.Tensor],
    x: tf.Tensor,
    gamma: tf.Tensor,
    beta: tf.Tensor,
    mean: tf.Tensor,
    variance: tf.Tensor,
    shares: tf.Tensor,
    epsilon: tf.Tensor,
    across: bool = False,
) -> list[tf.Tensor | None]:
    """The module's formulas; the parameters broadcast against x, so their shapes tell what the sums go over."""
    (dy,) = grads
    inverse = tf.math.rsqrt(variance + epsilon)
    slope = gamma * inverse
    centred = x - mean
    dbeta = _sum_to(dy, mean)
    dgamma = _sum_to(dy * centred, mean) * inverse
    whole_dgamma, whole_dbeta = replicas.sum_over_replicas(dgamma, dbeta) if across else (dgamma, dbeta)
    dx = dy * slope - _shared(lambda a, b: centred * (inverse * a) + b, slope, whole_dgamma, whole_dbeta, shares)
    dshares = _dshares(centred, slope, inverse, whole_dgamma, whole_dbeta, shares, variance if across else None)
    return [dx, _sum_to(dgamma, gamma), _sum_to(dbeta, beta), None, None, dshares, None]


def _counted_gradient(
    grads: Sequence[tf.Tensor],
    x: tf.Tensor,
    gamma: tf.Tensor,
    beta: tf.Tensor,
    mean: tf.Tensor,
    variance: tf.Tensor,
    size: tf.Tensor,
    epsilon: tf.Tensor,
) -> list[tf.Tensor | None]:
    """`_composed_gradient` with a share of 1 / n for each sample."""
    samples = tf.cast(size // tf.size(mean), x.dtype)
    some = tf.minimum(samples, 1)
    # The sums over no samples are 0, and NaN moments would make NaN of them.
    mean, variance = (tf.math.multiply_no_nan(value, some) for value in (mean, variance))
    share = tf.math.reciprocal_no_nan(samples)
    return _composed_gradient(grads, x, gamma, beta, mean, variance, share, epsilon)


def _fused_gradient(grads: Sequence[tf.Tensor], *inputs: tf.Tensor, across: bool = False) -> list[tf.Tensor | None]:
    """The module's formulas by the fused kernel: its gradient for fixed moments, and its inference mode."""
    (dy,) = grads
    x, gamma, _, mean, variance, shares, epsilon = inputs
    number = float(tf.get_static_value(epsilon))
    frozen = tf.raw_ops.FusedBatchNormGradV3(
        y_backprop=dy,
        x=x,
        scale=gamma,
        reserve_space_1=mean,
        reserve_space_2=variance,
        reserve_space_3=tf.constant([], tf.float32),
        epsilon=number,
        is_training=False,
    )
    dgamma, dbeta = frozen.scale_backprop, frozen.offset_backprop
    inverse = tf.math.rsqrt(variance + epsilon)
    slope = gamma * inverse
    whole_dgamma, whole_dbeta = replicas.sum_over_replicas(dgamma, dbeta) if across else (dgamma, dbeta)
    dx = frozen.x_backprop - _shared(
        lambda a, b: normalize.fused_op(x, a, b, mean, variance, number, "NHWC", False).y,
        slope,
        whole_dgamma,
        whole_dbeta,
        shares,
    )
    name = "TfbnReplicasFusedOwnMomentsGrad" if across else "TfbnFusedOwnMomentsGrad"
    dx, dgamma, dbeta = gradients.with_gradient(name, [dx, dgamma, dbeta], dy, *inputs)
    if not across:
        whole_dgamma, whole_dbeta = dgamma, dbeta
    dshares = _dshares(x - mean, slope, inverse, whole_dgamma, whole_dbeta, shares, variance if across else None)
    return [dx, dgamma, dbeta, None, None, dshares, None]


def _again_gradient(
    grads: Sequence[tf.Tensor], x: tf.Tensor, scale: tf.Tensor, _: tf.Tensor, *rest: tf.Tensor
) -> list[tf.Tensor | None]:
    """Scale and offset may depend on the moments; the ops that compute them have separate gradients for that."""
    (dy,) = grads
    *moments, reserve_1, reserve_2, reserve_3, epsilon = rest
    kernel_grads = tf.raw_ops.FusedBatchNormGradV3(
        y_backprop=dy,
        x=x,
        scale=scale,
        reserve_space_1=reserve_1,
        reserve_space_2=reserve_2,
        reserve_space_3=reserve_3,
        epsilon=float(tf.get_static_value(epsilon)),
    )
    outputs = [kernel_grads.x_backprop, kernel_grads.scale_backprop, kernel_grads.offset_backprop]
    outputs = gradients.with_gradient("TfbnFusedAgainGrad", outputs, dy, x, scale, *moments, epsilon)
    return [*outputs, *[None] * len(rest)]


def _second_again_gradient(
    grads: Sequence[tf.Tensor], dy: tf.Tensor, x: tf.Tensor, scale: tf.Tensor, *rest: tf.Tensor
) -> list[Any]:
    """`_second_gradient` for equal shares, whose moments depend on x."""
    mean, variance, epsilon = rest
    by_dx, by_dgamma, by_dbeta = grads
    wide = [tf.cast(value, tf.float32) for value in (by_dx, dy, x)]
    samples = tf.cast(tf.size(x) // tf.size(scale), tf.float32)
    share = 1 / tf.maximum(samples, 1)
    by_dy, by_x, by_scale, _, by_mean, by_variance, *_ = _second_gradient(
        [wide[0], by_dgamma, by_dbeta], *wide[1:], scale, scale, mean, variance, share, epsilon
    )
    by_x = by_x + share * (by_mean + 2 * by_variance * (wide[2] - mean))
    if not x.shape.num_elements():
        # Without samples the kernel's moments are NaN.
        by_scale = tf.math.multiply_no_nan(by_scale, tf.minimum(samples, 1))
    return [tf.cast(by_dy, dy.dtype), tf.cast(by_x, x.dtype), by_scale, *[None] * len(rest)]


def _second_gradient(grads: Sequence[tf.Tensor], dy: tf.Tensor, *inputs: tf.Tensor, across: bool = False) -> list[Any]:
    """The gradient of `_fused_gradient`, by the composed formulas: TensorFlow has none for fixed moments."""
    if across:
        # Copies in this graph: a tape loses track of tensors from another one.
        sources = [tf.identity(value) for value in (dy, *inputs[:-1])]
        dy, x, gamma, beta, mean, variance, shares = sources
        with tf.GradientTape() as tape:
            tape.watch(sources)
            first = _composed_gradient([dy], x, gamma, beta, mean, variance, shares, inputs[-1], across)[:3]
        return [*tape.gradient(first, sources, list(grads)), None]
    # In closed form, because within a ForwardAccumulator a tape gives zeros.
    by_dx, by_dgamma, by_dbeta = grads
    x, gamma, _, mean, variance, shares, epsilon = inputs
    inverse = tf.math.rsqrt(variance + epsilon)
    slope = gamma * inverse
    centred = x - mean
    product = _per_channel(dy * centred)
    dgamma, dbeta = product * inverse, _per_channel(dy)
    shared = by_dx * shares
    along, across_x = _per_channel(shared), _per_channel(shared * centred)
    by_slope = _per_channel(by_dx * dy) - inverse * dgamma * across_x - dbeta * along
    by_dgamma = by_dgamma - slope * inverse * across_x
    by_dbeta = by_dbeta - slope * along
    by_inverse = by_dgamma * product - slope * dgamma * across_x + by_slope * gamma
    by_x = by_dgamma * inverse * dy - slope * inverse * dgamma * shared
    by_shares = None
    if shares.shape.rank:
        by_shares = -_sum_to(by_dx * slope * (inverse * dgamma * centred + dbeta), shares)
    return [
        by_dx * slope + by_dbeta + by_dgamma * inverse * centred,
        by_x,
        by_slope * inverse,
        None,
        -_per_channel(by_x),
        -0.5 * by_inverse * inverse**3,
        by_shares,
        None,
    ]


gradients.register("TfbnOwnMoments", 1, _composed_gradient)
gradients.register("TfbnCountedOwnMoments", 1, _counted_gradient)
gradients.register("TfbnFusedOwnMoments", 1, _fused_gradient)
gradients.register("TfbnFusedOwnMomentsGrad", 3, _second_gradient)
gradients.register("TfbnFusedAgain", 1, _again_gradient)
gradients.register("TfbnFusedAgainGrad", 3, _second_again_gradient)
gradients.register("TfbnReplicasOwnMoments", 1, functools.partial(_composed_gradient, across=True))
gradients.register("TfbnReplicasFusedOwnMoments", 1, functools.partial(_fused_gradient, across=True))
gradients.register("TfbnReplicasFusedOwnMomentsGrad", 3, functools.partial(_second_gradient, across=True))


def _shared(
    normalized: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    slope: tf.Tensor,
    dgamma: tf.Tensor,
    dbeta: tf.Tensor,
    shares: tf.Tensor,
) -> tf.Tensor:
    """slope * share * (xhat * dgamma + dbeta), the part of dx that comes through the moments."""
    if shares.shape.rank == 0:
        # The same for all samples: cheaper to multiply into the sums, one for each channel.
        slope = slope * shares
        return normalized(slope * dgamma, slope * dbeta)
    return normalized(slope * dgamma, slope * dbeta) * shares


def _dshares(
    centred: tf.Tensor,
    slope: tf.Tensor,
    inverse: tf.Tensor,
    dgamma: tf.Tensor,
    dbeta: tf.Tensor,
    shares: tf.Tensor,
    variance: tf.Tensor | None = None,
) -> tf.Tensor | None:
    """dshare = sum over channels of dmean * (x - mean) + dvariance * (x - mean)**2, for weights that are learned.

    With dmean = -k * dbeta and dvariance = -k * dgamma / (2 * sqrt(variance + epsilon)). The mean in the first term is
    a constant with respect to the weights behind the shares, because shares sum to 1. For the same reason, where the
    total of the weights is a constant with respect to them, as across replicas, `variance` is subtracted in the second.
    """
    if shares.shape.rank == 0:
        return None
    if variance is None:
        return -_sum_to(slope * centred * (dbeta + 0.5 * inverse * dgamma * centred), shares)
    return -_sum_to(slope * (centred * dbeta + 0.5 * inverse * dgamma * (tf.square(centred) - variance)), shares)


def _per_channel(values: tf.Tensor) -> tf.Tensor:
    """Sums over all axes but the last."""
    return tf.reshape(sum_over(values, [*range(values.shape.rank - 1)]), [-1])


def _sum_to(values: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """Sums over the axes along which `like` is broadcast to the shape of `values`."""
    missing = values.shape.rank - like.shape.rank
    axes = [*range(missing), *(missing + axis for axis, size in enumerate(like.shape.as_list()) if size == 1)]
    values = sum_over(values, axes)
    return tf.reshape(values, tf.shape(like)) if missing else values

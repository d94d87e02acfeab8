"""Batch mean and variance per channel, and whether there was anything to take them over."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from tfbn.ops.layout import Layout


class Moments(NamedTuple):
    """Mean and biased variance of a batch: of the parameters' shape, or with one more for each virtual batch."""

    mean: tf.Tensor
    variance: tf.Tensor


def plain(inputs: tf.Tensor, layout: Layout) -> Moments:
    """mean = sum(x) / n; variance = sum((x - mean)**2) / n."""
    return Moments(*tf.nn.moments(inputs, layout.reduction_axes, keepdims=not layout.flat))


def weighted(inputs: tf.Tensor, batch_weights: tf.Tensor, layout: Layout) -> Moments:
    """mean = sum(w x) / sum(w); variance = sum(w (x - mean)**2) / sum(w), with `batch_weights` of shape [N].

    Weights that sum to zero give zeros rather than NaN; `has_weight` tells.
    """
    axes = layout.reduction_axes
    weights = tf.reshape(batch_weights, [-1] + [1] * (layout.rank - 1))
    # Each sample stands at as many positions as the reduced axes have beside the batch's.
    positions = tf.reduce_prod([size for axis, size in enumerate(tf.unstack(tf.shape(inputs))) if axis in axes[1:]])
    total = tf.reduce_sum(weights, [0] if 0 in axes else [], keepdims=True) * tf.cast(positions, inputs.dtype)
    mean = tf.math.divide_no_nan(tf.reduce_sum(weights * inputs, axes, keepdims=True), total)
    square = tf.reduce_sum(weights * tf.math.squared_difference(inputs, mean), axes, keepdims=True)
    variance = tf.math.divide_no_nan(square, total)
    return Moments(*(tf.reshape(moment, layout.param_shape) for moment in (mean, variance)))


def of_virtual_batches(moments: Moments, layout: Layout) -> Moments:
    """Their mean over the virtual batches, which the moving averages follow; the moments themselves without any."""
    if layout.virtual_batch_size is None:
        return moments
    return Moments(*(tf.reduce_mean(moment, 1, keepdims=True) for moment in moments))


def has_samples(inputs: tf.Tensor) -> tf.Tensor | bool:
    """False for an empty batch; True, and no op, where the static shape already rules that out."""
    if inputs.shape.is_fully_defined():
        return inputs.shape.num_elements() > 0
    return tf.size(inputs) > 0


def has_weight(inputs: tf.Tensor, batch_weights: tf.Tensor) -> tf.Tensor | bool:
    """Whether weighted statistics exist: some sample, and weights that do not cancel to zero."""
    some = has_samples(inputs)
    nonzero = tf.not_equal(tf.reduce_sum(batch_weights), 0)
    return nonzero if some is True else tf.logical_and(some, nonzero)


def unbiased(variance: tf.Tensor, inputs: tf.Tensor, layout: Layout) -> tf.Tensor:
    """variance * n / max(n - 1, 1), n the samples per channel: what the fused kernel hands to moving averages."""
    elements = inputs.shape.num_elements() if inputs.shape.is_fully_defined() else tf.size(inputs)
    n = tf.cast(elements // layout.channels, variance.dtype)
    return variance * (n / tf.maximum(n - 1, 1))

"""Batch mean and variance per channel, and whether there was anything to take them over."""

from __future__ import annotations

import math
from typing import NamedTuple

import tensorflow as tf

from tfbn.ops.layout import Layout


class Moments(NamedTuple):
    """Mean and biased variance of a batch: of the parameters' shape, or with one more for each virtual batch."""

    mean: tf.Tensor
    variance: tf.Tensor


def equal_shares(inputs: tf.Tensor, layout: Layout) -> tf.Tensor:
    """1 / n, the part of the statistics that each of n samples per channel has; 0 where there are none."""
    axes = layout.reduction_axes
    sizes = [inputs.shape.as_list()[axis] for axis in axes]
    if None not in sizes:
        n = math.prod(sizes)
        return tf.constant(1 / n if n else 0.0, inputs.dtype)
    n = tf.reduce_prod(tf.gather(tf.shape(inputs), axes))
    return tf.math.reciprocal_no_nan(tf.cast(n, inputs.dtype))


def weighted_shares(inputs: tf.Tensor, batch_weights: tf.Tensor, layout: Layout) -> tf.Tensor:
    """w / sum(w), shaped to broadcast against `inputs`; `batch_weights` has the shape [N].

    Weights that sum to zero give zeros rather than NaN; `has_weight` tells.
    """
    weights = tf.reshape(batch_weights, [-1] + [1] * (layout.rank - 1))
    axes = layout.reduction_axes
    # Each sample stands at as many positions as the reduced axes have beside the batch's.
    positions = tf.reduce_prod([size for axis, size in enumerate(tf.unstack(tf.shape(inputs))) if axis in axes[1:]])
    total = tf.reduce_sum(weights, [0] if 0 in axes else [], keepdims=True) * tf.cast(positions, inputs.dtype)
    return tf.math.divide_no_nan(weights, total)


def of_shares(inputs: tf.Tensor, shares: tf.Tensor, layout: Layout) -> Moments:
    """mean = sum(share * x); variance = sum(share * (x - mean)**2)."""
    mean = _average(inputs, shares, layout)
    # A difference that the normalization takes too: the graph optimizer computes it once.
    return Moments(mean, _average(tf.square(inputs - layout.broadcast(mean)), shares, layout))


def sum_over(values: tf.Tensor, axes: list[int]) -> tf.Tensor:
    """Sums over `axes`, which stay as sizes of 1.

    In two stages: partial sums are shorter, which rounds less (by a factor of ten over 1e5 samples), and TensorFlow's
    CPU kernel takes half the time.
    """
    if not axes:
        return values
    values = tf.reduce_sum(values, axes[-1:], keepdims=True)
    return tf.reduce_sum(values, axes[:-1], keepdims=True) if len(axes) > 1 else values


def _average(values: tf.Tensor, shares: tf.Tensor, layout: Layout) -> tf.Tensor:
    if shares.shape.rank != 0:
        values = values * shares
    total = sum_over(values, layout.reduction_axes)
    if layout.flat:
        total = tf.reshape(total, [layout.channels])
    # Shares that are all the same are multiplied with the sums, which are few.
    return total * shares if shares.shape.rank == 0 else total


def of_virtual_batches(moments: Moments, layout: Layout) -> Moments:
    """Their mean over the virtual batches, which the moving averages follow; the moments themselves without any."""
    if layout.virtual_batch_size is None:
        return moments
    return Moments(*(tf.reduce_mean(moment, 1, keepdims=True) for moment in moments))


def samples(inputs: tf.Tensor, layout: Layout) -> int | tf.Tensor:
    """n, the samples per channel, of all virtual batches together; an int where the static shape tells."""
    elements = inputs.shape.num_elements() if inputs.shape.is_fully_defined() else tf.size(inputs)
    return elements // layout.channels


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
    n = tf.cast(samples(inputs, layout), variance.dtype)
    return variance * (n / tf.maximum(n - 1, 1))


def biased(variance: tf.Tensor, inputs: tf.Tensor, layout: Layout) -> tf.Tensor:
    """Undoes `unbiased`."""
    n = tf.cast(samples(inputs, layout), variance.dtype)
    return variance * (tf.maximum(n - 1, 1) / n)

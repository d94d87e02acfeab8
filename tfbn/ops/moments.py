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


class Shares(NamedTuple):
    """What each sample counts in the statistics of its channel and virtual batch."""

    each: tf.Tensor  # one number for all samples, or a shape that broadcasts against the inputs; the sum is 1, or 0
    total: int | tf.Tensor  # the samples, or the sum of their weights: a number, or the statistics' shape or 1s

    def unbiased(self, variance: tf.Tensor) -> tf.Tensor:
        """variance * n / max(n - 1, 1): what the fused kernel hands to moving averages."""
        n = tf.cast(self.total, variance.dtype)
        return variance * (n / tf.maximum(n - 1, 1))


def equal_shares(inputs: tf.Tensor, layout: Layout) -> Shares:
    """1 / n for each of the n samples that a channel has, in every virtual batch."""
    axes = layout.reduction_axes
    sizes = [inputs.shape.as_list()[axis] for axis in axes]
    if None not in sizes:
        n = math.prod(sizes)
        return Shares(tf.constant(1 / n if n else 0.0, inputs.dtype), n)
    n = _positions(inputs, axes)
    return Shares(tf.math.reciprocal_no_nan(tf.cast(n, inputs.dtype)), n)


def weighted_shares(inputs: tf.Tensor, weights: tf.Tensor, layout: Layout) -> Shares:
    """w / sum(w), with weights of the inputs' rank that broadcast against them.

    Weights that sum to zero give zeros rather than NaN.
    """
    axes = layout.reduction_axes
    # A weight stands for as many samples as it is broadcast to.
    repeats = _positions(inputs, axes) // tf.maximum(_positions(weights, axes), 1)
    total = tf.reduce_sum(weights, axes, keepdims=True) * tf.cast(repeats, inputs.dtype)
    each = tf.math.divide_no_nan(weights, total)
    return Shares(each, tf.reshape(total, [-1]) if layout.flat_statistics else total)


def _positions(values: tf.Tensor, axes: list[int]) -> tf.Tensor:
    return tf.reduce_prod(tf.gather(tf.shape(values), tf.constant(axes, tf.int32)))


def of_shares(inputs: tf.Tensor, each: tf.Tensor, layout: Layout) -> Moments:
    """mean = sum(share * x); variance = sum(share * (x - mean)**2). What has no share may be anything, NaN included."""
    mean = _average(inputs, each, layout)
    # A difference that the normalization takes too: the graph optimizer computes it once.
    return Moments(mean, _average(tf.square(inputs - layout.broadcast(mean)), each, layout))


def sum_over(values: tf.Tensor, axes: list[int]) -> tf.Tensor:
    """Sums over `axes`, which stay as sizes of 1.

    In two stages: partial sums are shorter, which rounds less (by a factor of ten over 1e5 samples), and TensorFlow's
    CPU kernel takes half the time.
    """
    if not axes:
        return values
    values = tf.reduce_sum(values, axes[-1:], keepdims=True)
    return tf.reduce_sum(values, axes[:-1], keepdims=True) if len(axes) > 1 else values


def _average(values: tf.Tensor, each: tf.Tensor, layout: Layout) -> tf.Tensor:
    if each.shape.rank != 0:
        values = tf.math.multiply_no_nan(values, each)
    total = sum_over(values, layout.reduction_axes)
    if layout.flat_statistics:
        total = tf.reshape(total, [layout.channels])
    # Shares that are all the same are multiplied with the sums, which are few.
    return total * each if each.shape.rank == 0 else total


def of_virtual_batches(moments: Moments, shares: Shares, layout: Layout) -> Moments:
    """Their mean over the virtual batches that have samples; the moments themselves without any virtual batches."""
    if layout.virtual_batch_size is None:
        return moments
    if isinstance(shares.total, int) or shares.total.shape.rank == 0:
        found = [tf.reduce_mean(moment, 1, keepdims=True) for moment in moments]
    else:
        counted = tf.cast(tf.not_equal(shares.total, 0), moments.mean.dtype)
        number = tf.reduce_sum(counted, 1, keepdims=True)
        found = [tf.math.divide_no_nan(tf.reduce_sum(moment * counted, 1, keepdims=True), number) for moment in moments]
    return Moments(*(tf.reshape(moment, layout.param_shape) for moment in found))


def has_samples(inputs: tf.Tensor) -> tf.Tensor | bool:
    """False for an empty batch; True, and no op, where the static shape already rules that out."""
    if inputs.shape.is_fully_defined():
        return inputs.shape.num_elements() > 0
    return tf.size(inputs) > 0


def has_weight(inputs: tf.Tensor, weights: tf.Tensor) -> tf.Tensor | bool:
    """Whether weighted statistics exist: some sample, and weights that do not cancel to zero."""
    some = has_samples(inputs)
    nonzero = tf.not_equal(tf.reduce_sum(weights), 0)
    return nonzero if some is True else tf.logical_and(some, nonzero)


def biased(variance: tf.Tensor, inputs: tf.Tensor, layout: Layout) -> tf.Tensor:
    """Undoes what the fused kernel does to the variance that it hands to moving averages."""
    elements = inputs.shape.num_elements() if inputs.shape.is_fully_defined() else tf.size(inputs)
    n = tf.cast(elements // layout.channels, variance.dtype)
    return variance * (tf.maximum(n - 1, 1) / n)

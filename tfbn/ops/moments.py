"""Batch mean and variance per channel, and whether there was anything to take them over."""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfbn.ops.layout import Layout


class Moments(NamedTuple):
    """Mean and biased variance of a batch: of the parameters' shape, or with one more for each virtual batch."""

    mean: tf.Tensor
    variance: tf.Tensor


class SampleWeights(NamedTuple):
    """The weight of each sample in the statistics of its channel and virtual batch."""

    weights: tf.Tensor | None  # of the inputs' rank, broadcasting against them; None where all count the same
    # The sum of the weights, or the number of samples: a tensor that broadcasts against the statistics, or, where the
    # number is known statically, a NumPy scalar. None where all count the same and nothing needs the number: the
    # moments of no samples are NaN then.
    total: Any

    @property
    def known(self) -> bool:
        """Whether all samples count the same, and their number is known and not 0."""
        return isinstance(self.total, np.generic) and bool(self.total)

    def normalized(self, layout: Layout) -> tf.Tensor:
        """weight / total, a number where all count the same; 0 where the total is 0."""
        if self.known:
            return tf.constant(self.total.dtype.type(1) / self.total)
        if self.weights is None:
            return tf.math.reciprocal_no_nan(self.total)
        # A total of shape [1], for weights that are the same for all channels, broadcasts from the right.
        by_channel = self.total.shape.as_list() == [layout.channels]
        return tf.math.divide_no_nan(self.weights, layout.broadcast(self.total) if by_channel else self.total)

    def unbiased(self, variance: tf.Tensor) -> tf.Tensor:
        """variance * n / max(n - 1, 1): what the fused kernel hands to moving averages; variance where n is 0."""
        total = tf.convert_to_tensor(self.total)
        correction = total / tf.maximum(total - 1, 1)
        if self.weights is not None:
            correction = tf.where(tf.equal(total, 0), tf.ones_like(correction), correction)
        return variance * correction


# All samples count the same, and nothing needs their number.
UNCOUNTED = SampleWeights(None, None)


def weigh_samples(
    inputs: tf.Tensor, weights: tf.Tensor | None, layout: Layout, size: tf.Tensor | None = None
) -> SampleWeights:
    """The samples weighted by `weights`, which have the inputs' rank and broadcast against them, or equally.

    `size` is tf.size(inputs), if that has been computed already.
    """
    axes = layout.reduction_axes
    if weights is None:
        positions = _positions(inputs, axes) if size is None or not layout.flat_statistics else size // layout.channels
        known = not tf.is_tensor(positions)
        total = inputs.dtype.as_numpy_dtype(positions) if known else tf.cast(positions, inputs.dtype)
        return SampleWeights(None, total)
    # A weight counts for every sample that it is broadcast to.
    repeats = _positions(inputs, axes) // tf.maximum(_positions(weights, axes), 1)
    total = tf.reduce_sum(weights, axes, keepdims=True) * tf.cast(repeats, inputs.dtype)
    return SampleWeights(weights, tf.reshape(total, [-1]) if layout.flat_statistics else total)


def _positions(values: tf.Tensor, axes: list[int]) -> int | tf.Tensor:
    """How many positions the axes have together; an int where the static shape tells."""
    sizes = [values.shape.as_list()[axis] for axis in axes]
    if None not in sizes:
        return math.prod(sizes)
    return tf.reduce_prod(tf.gather(tf.shape(values), tf.constant(axes, tf.int32)))


def weighted_moments(inputs: tf.Tensor, shares: SampleWeights, layout: Layout) -> Moments:
    """mean = sum(w * x) / sum(w); variance = sum(w * (x - mean)**2) / sum(w).

    A sample without weight may be anything, even NaN. Weights that sum to zero give zeros.
    """
    return with_centred(inputs, shares, layout)[0]


def with_centred(inputs: tf.Tensor, shares: SampleWeights, layout: Layout) -> tuple[Moments, tf.Tensor]:
    """`weighted_moments`, and x - mean."""
    if shares.weights is None:
        axes = [tf.constant(stage, tf.int32) for stage in _stages(layout.reduction_axes)]  # shared by both averages
        average = functools.partial(_mean, axes=axes, shares=shares, layout=layout)
    else:
        average = functools.partial(_average, shares=shares, layout=layout)
    mean = average(inputs)
    centred = inputs - layout.broadcast(mean)
    return Moments(mean, average(tf.square(centred))), centred


def _stages(axes: list[int]) -> list[list[int]]:
    """The axes of the first reduction, which keeps sizes of 1, and of the second; see `sum_over`."""
    return [axes[-1:], axes][: len(axes)]


def _mean(values: tf.Tensor, axes: list[tf.Tensor], shares: SampleWeights, layout: Layout) -> tf.Tensor:
    """The mean of samples that all count the same, with equally many in each partial sum."""
    # Quotients are how tfbn.graphdef.slices recognizes virtual batches.
    means = (shares.total is None or shares.known) and layout.flat_statistics
    reduce = tf.reduce_mean if means else tf.reduce_sum
    for stage in axes:
        values = reduce(values, stage, keepdims=stage is not axes[-1] or not layout.flat_statistics)
    if not axes and layout.flat_statistics:
        values = tf.reshape(values, [layout.channels])
    return values if means else tf.math.divide_no_nan(values, shares.total)


def sum_over(values: tf.Tensor, axes: list[int]) -> tf.Tensor:
    """Sums over `axes`, which stay as sizes of 1.

    In two stages: partial sums are shorter, which rounds less (by a factor of ten over 1e5 samples), and TensorFlow's
    CPU kernel takes half the time.
    """
    if not axes:
        return values
    values = tf.reduce_sum(values, axes[-1:], keepdims=True)
    return tf.reduce_sum(values, axes[:-1], keepdims=True) if len(axes) > 1 else values


def _average(values: tf.Tensor, shares: SampleWeights, layout: Layout) -> tf.Tensor:
    assert shares.weights is not None
    axes = layout.reduction_axes
    # Sum first over the axes that share a weight, which leaves fewer products.
    sizes = shares.weights.shape.as_list()
    alike = [axis for axis in axes if sizes[axis] == 1]
    values = tf.math.multiply_no_nan(sum_over(values, alike), shares.weights)
    sums = sum_over(values, [axis for axis in axes if sizes[axis] != 1])
    if layout.flat_statistics:
        sums = tf.reshape(sums, [layout.channels])
    return tf.math.divide_no_nan(sums, shares.total)


def average_over_virtual_batches(moments: Moments, shares: SampleWeights, layout: Layout) -> Moments:
    """Their mean over the virtual batches that have samples; the moments themselves without any virtual batches."""
    if layout.virtual_batch_size is None:
        return moments
    if shares.weights is None:
        averages = [tf.reduce_mean(moment, 1, keepdims=True) for moment in moments]
    else:
        counted = tf.cast(tf.not_equal(shares.total, 0), moments.mean.dtype)
        number = tf.reduce_sum(counted, 1, keepdims=True)
        averages = [
            tf.math.divide_no_nan(tf.reduce_sum(moment * counted, 1, keepdims=True), number) for moment in moments
        ]
    return Moments(*(tf.reshape(moment, layout.param_shape) for moment in averages))


def has_samples(inputs: tf.Tensor) -> tf.Tensor | bool:
    """A number that is 0 for an empty batch; a bool, and no op, where the static shape tells."""
    if inputs.shape.is_fully_defined():
        return inputs.shape.num_elements() > 0
    return tf.size(inputs)


def has_weight(inputs: tf.Tensor, weights: tf.Tensor) -> tf.Tensor | bool:
    """Whether weighted statistics exist: some sample, and weights that do not cancel to zero."""
    nonempty = has_samples(inputs)
    nonzero = tf.not_equal(tf.reduce_sum(weights), 0)
    return nonzero if nonempty is True else tf.logical_and(tf.cast(nonempty, tf.bool), nonzero)


def biased(variance: tf.Tensor, inputs: tf.Tensor, layout: Layout, size: tf.Tensor | None = None) -> tf.Tensor:
    """Undoes the fused kernel's correction, n / max(n - 1, 1), of the variance for moving averages.

    `size` is tf.size(inputs), if that has been computed already.
    """
    if inputs.shape.is_fully_defined() and inputs.shape.num_elements():
        number = variance.dtype.as_numpy_dtype  # in which the ops below would compute
        n, one = number(inputs.shape.num_elements() // layout.channels), number(1)
        return variance * (np.maximum(n - one, one) / n)
    elements = inputs.shape.num_elements() if inputs.shape.is_fully_defined() else size
    n = tf.cast((tf.size(inputs) if elements is None else elements) // layout.channels, variance.dtype)
    one = tf.ones([], variance.dtype)
    return variance * (tf.maximum(n - one, one) / n)

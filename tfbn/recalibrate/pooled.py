"""Mean and variance of data that comes in batches, and a layer's statistics from these."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfbn.core import observation
from tfbn.graphdef.short_names import STATISTICS as STATISTICS

# Enough steps of zero debias for the start at zero to be forgotten, also in half precisions.
_MANY_STEPS = 60_000


class Recalibrated(NamedTuple):
    """How a layer's statistics have changed."""

    layer: str  # its scope
    samples: float  # for each channel, or the sum of their weights
    mean_distance: float  # root mean square over the channels: old mean from new, in new standard deviations
    variance_distance: float  # the same of the old variance, relative to the new one


class Summary(NamedTuple):
    """A batch's part in the statistics, in float64."""

    samples: Any  # for each channel, or the sum of their weights
    mean: Any  # [C]
    squares: Any  # [C]: the sum of squared distances from the mean, weighted


class Pooled:
    """The mean and the sum of squares of all batches added so far.

    By the pairwise update of Chan, Golub and LeVeque (Updating Formulae and a Pairwise Algorithm for Computing Sample
    Variances, 1979), which does not cancel as a difference of sums of squares does.
    """

    def __init__(self) -> None:
        self.samples, self.batches = 0.0, 0
        self.mean: Any = 0.0
        self.squares: Any = 0.0
        self._lock = threading.Lock()  # iterations of a loop may run in parallel

    def add(self, summary: Summary) -> None:
        if not summary.samples:  # an empty batch, or one without weight
            return
        with self._lock:
            total = self.samples + float(summary.samples)
            away = summary.mean - self.mean
            self.squares = self.squares + summary.squares + away**2 * (self.samples * float(summary.samples) / total)
            self.mean = self.mean + away * (float(summary.samples) / total)
            self.samples = total
            self.batches += 1

    def variance(self, unbiased: bool) -> np.ndarray:
        return self.squares / (max(self.samples - 1, 1) if unbiased else self.samples)


def summarize(inputs: tf.Tensor, axes: tuple[int, ...], weights: tf.Tensor | None = None) -> Summary:
    """The summary of a batch with channels along `axes`, as tensors. Samples without weight may be NaN."""
    wide = tf.cast(inputs, tf.float64)
    reduced = [axis for axis in range(inputs.shape.rank) if axis not in axes]
    if weights is None:
        shares = tf.ones_like(wide)
    else:
        shares = tf.broadcast_to(tf.cast(weights, tf.float64), tf.shape(wide))
    counts = tf.reduce_sum(shares, reduced, keepdims=True)  # the same for each channel
    mean = tf.math.divide_no_nan(tf.reduce_sum(tf.math.multiply_no_nan(wide, shares), reduced, keepdims=True), counts)
    squares = tf.reduce_sum(tf.math.multiply_no_nan(tf.square(wide - mean), shares), reduced)
    return Summary(tf.reshape(counts, [-1])[0], tf.reshape(mean, [-1]), tf.reshape(squares, [-1]))


def values_of(
    layer: str, pooled: Pooled, names: Iterable[str], unbiased: bool, epsilon: float
) -> dict[str, np.ndarray]:
    """The values, in float64, of the layer's variables that training updates."""
    biased = pooled.variance(False)
    renorm = "moving_stddev" in names
    stddev = np.sqrt(biased + epsilon)
    statistics = {
        "moving_mean": pooled.mean,
        "moving_variance": pooled.variance(unbiased and not renorm),
        "renorm_mean": pooled.mean,
        "renorm_stddev": stddev,
        "moving_stddev": stddev,
        "biased": pooled.mean,
        "local_step": np.float64(_MANY_STEPS if "biased" in names else pooled.batches),
    }
    if not all(np.all(np.isfinite(value)) for value in statistics.values()):
        raise ValueError(
            f"{layer}: expected inputs that are finite, got NaN or infinities. All statistics are as they were. Check "
            "the data and the weights."
        )
    return {name: statistics[name] for name in names if name in statistics}


def compare(layer: str, samples: float, old: dict[str, np.ndarray], new: dict[str, np.ndarray]) -> Recalibrated:
    """How far old statistics were from new ones."""
    # A channel that never varies has no stddev as a unit.
    variance = np.maximum(new["moving_variance"], np.finfo(np.float32).tiny)
    away = (old["moving_mean"].reshape(-1) - new["moving_mean"]) / np.sqrt(variance)
    ratio = old["moving_variance"].reshape(-1) / variance - 1
    return Recalibrated(layer, samples, *(float(np.sqrt(np.mean(distance**2))) for distance in (away, ratio)))


def under(scope: str, chosen: str) -> bool:
    """Whether a layer's scope is the chosen one or within it."""
    return not chosen or f"{scope}/".startswith(f"{chosen.rstrip('/')}/")


def length(batches: Any) -> int | None:
    """The number of batches, if it is known."""
    try:
        return len(batches)
    except TypeError:
        return None


def summary_of(call: observation.TrainingCall) -> Summary:
    """The summary of the inputs that a call normalizes."""
    return summarize(call.inputs, call.settings.layout.pooled.axes, call.weights)

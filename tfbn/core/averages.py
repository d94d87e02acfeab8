"""The next value of every statistic that training moves. Where a step is not `active`, none changes by a bit."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfbn.core.normalization import truth
from tfbn.core.values import Batch, State
from tfbn.ops import moving_average, renorm


class Rule(NamedTuple):
    """How fast the statistics follow the batches."""

    decay: Any  # None: every batch has the same share
    renorm_decay: Any
    epsilon: float
    single: bool = False  # 1 - decay in float32 instead of float64


def update_rate(decay: Any, dtype: tf.DType, active: tf.Tensor | bool, single: bool = False) -> tf.Tensor:
    """1 - decay in `dtype`, and zero where not `active`: the share of the batch in the next moving average.

    `active` is what `has_samples` says, or a boolean tensor.

    A number's difference is taken in float64 and rounded to float32, or with `single` taken in float32: as float32,
    1 - 0.999 is 0.00099998712 rather than 0.001.
    """
    if tf.is_tensor(decay):
        return _where_active(tf.cast(1.0 - decay, dtype), active)
    # A NumPy number keeps the precision it has, as a tensor does.
    own = decay.dtype.type if isinstance(decay, (np.floating, np.ndarray)) else np.float32
    number = own(1) - own(decay) if single else own(1.0 - float(decay))
    rate = tf.constant(number.astype(dtype.as_numpy_dtype), name="decay")
    # At most 1, and so the lesser of the two, whether a boolean or a number of samples becomes the other.
    return rate if active is True else tf.minimum(tf.cast(active, dtype), rate)


def decrement(average: tf.Tensor, value: tf.Tensor, rate: tf.Tensor, active: tf.Tensor | bool) -> tf.Tensor:
    """What to subtract from `average` so that it moves towards `value`."""
    return moving_average.decrement(average, value, rate, guarded=active is not True)


def debiased(
    biased: tf.Tensor, local_step: tf.Tensor, rate: tf.Tensor, moving_mean: tf.Tensor, active: tf.Tensor | bool
) -> tf.Tensor:
    """The next moving mean with zero debias, from the biased average and the step as they are after this one."""
    found = moving_average.debiased(biased, local_step, rate, moving_mean)
    return found if active is True else tf.where(active, found, moving_mean)


def variance_of(
    moving_stddev: tf.Tensor, epsilon: float, moving_variance: tf.Tensor, active: tf.Tensor | bool
) -> tf.Tensor:
    """The next moving variance with renorm, from the average of deviations as it is after this step."""
    found = renorm.moving_variance(moving_stddev, epsilon)
    return found if active is True else tf.where(active, found, moving_variance)


def next_state(state: State, batch: Batch, active: tf.Tensor | bool, rule: Rule) -> State:
    """The state after a step; what it holds decides what is kept."""
    now = State(*(None if value is None else tf.convert_to_tensor(value) for value in state))
    dtype = now.moving_mean.dtype
    counts = now.local_step is not None
    # As a number of samples only where nothing but a rate is to be made of it.
    active = truth(active) if counts or batch.stddev is not None else active
    step = now.local_step
    if counts:
        step = step + tf.cast(active, step.dtype)
    if rule.decay is None:
        # Where no batch has been averaged yet, none is by this step either.
        rate = _where_active(tf.cast(tf.math.reciprocal_no_nan(step), dtype), active)
    else:
        rate = update_rate(rule.decay, dtype, active, rule.single)

    def follow(average: tf.Tensor, value: tf.Tensor, rate: tf.Tensor = rate) -> tf.Tensor:
        return average - decrement(average, tf.cast(value, average.dtype), rate, active)

    after = now._replace(local_step=step)
    if batch.stddev is not None:
        renorm_rate = update_rate(rule.renorm_decay, dtype, active, rule.single)
        after = after._replace(
            renorm_mean=follow(now.renorm_mean, batch.mean, renorm_rate),
            renorm_stddev=follow(now.renorm_stddev, batch.stddev, renorm_rate),
        )
    if now.biased is None:
        after = after._replace(moving_mean=follow(now.moving_mean, batch.mean))
    else:
        biased = follow(now.biased, batch.mean)
        mean = debiased(biased, step, rate, now.moving_mean, active)
        after = after._replace(moving_mean=mean, biased=biased)
    if batch.stddev is None:
        return after._replace(moving_variance=follow(now.moving_variance, batch.variance))
    stddev = follow(now.moving_stddev, batch.stddev)
    variance = variance_of(stddev, rule.epsilon, now.moving_variance, active)
    return after._replace(moving_variance=variance, moving_stddev=stddev)


def _where_active(rate: tf.Tensor, active: tf.Tensor | bool) -> tf.Tensor:
    return rate if active is True else tf.where(truth(active), rate, tf.zeros([], rate.dtype))

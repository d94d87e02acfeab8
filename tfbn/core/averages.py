"""The update of the statistics, as changes to make to values, to variables, or in turn with other calls.

    moving_mean -= (moving_mean - mean) * rate
    moving_variance -= (moving_variance - variance) * rate

with rate = 1 - decay. With zero debias `biased` is averaged, and moving_mean is its corrected value; with renorm
`moving_stddev` is averaged, and moving_variance is its square. A step that is not active changes not a single bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfbn.core.flag import Flag
from tfbn.core.settings import Settings
from tfbn.core.values import Batch, State
from tfbn.ops import moving_average, renorm

# Returns the value of a statistic by its name, after the assignments so far.
Read = Callable[[str], tf.Tensor]


class Assignment(NamedTuple):
    """One assignment to a statistic."""

    name: str
    method: str  # of a variable: 'assign', 'assign_add' or 'assign_sub'
    amount: Callable[[Read], tf.Tensor]


class Change(NamedTuple):
    """The change of one statistic in a step, after those of statistics that only this one is computed from."""

    assignments: list[Assignment]
    ready: list[Any]  # all that the amounts depend on except the statistics


def changes(state: State, batch: Batch, settings: Settings, active: Flag) -> list[Change]:
    """The changes of a step in their order; the last two are those of moving_mean and moving_variance.

    The state says which statistics there are; of its values only the dtypes matter here.
    """
    dtype = state.moving_mean.dtype.base_dtype
    mean, variance, stddev = (None if value is None else tf.cast(value, dtype) for value in batch[:3])
    single = settings.path.float32_rate
    # With renorm there are two rates.
    share = active if active.always or stddev is None else Flag(active.cast(dtype))
    fixed = [] if settings.decay is None else [update_rate(settings.decay, dtype, share, single)]
    if state.local_step is not None or stddev is not None:
        active = active.boolean()
    ready = [*fixed, *active.tensors]

    def rate(read: Read) -> tf.Tensor:
        if fixed:
            return fixed[0]
        # local_step is 0 if no batch has been averaged yet, and this step averages none either.
        return active.where(tf.cast(tf.math.reciprocal_no_nan(read("local_step")), dtype), 0.0)

    def follow(name: str, value: tf.Tensor, rate: Callable[[Read], tf.Tensor] = rate) -> Assignment:
        def decrement(read: Read) -> tf.Tensor:
            return moving_average.decrement(read(name), value, rate(read), guarded=not active.always)

        return Assignment(name, "assign_sub", decrement)

    def corrected_mean(read: Read) -> tf.Tensor:
        corrected = moving_average.debias(read("biased"), read("local_step"), rate(read), read("moving_mean"))
        return active.where(corrected, read("moving_mean"))

    def squared_stddev(read: Read) -> tf.Tensor:
        square = renorm.moving_variance(read("moving_stddev"), settings.epsilon)
        # Read only where the variance may have to stay.
        return square if active.always else active.where(square, read("moving_variance"))

    renorm_changes = []
    if stddev is not None:
        renorm_rate = update_rate(settings.renorm_decay, dtype, share, single)
        for name, value in (("renorm_mean", mean), ("renorm_stddev", stddev)):
            # r and d use the averages from before the step, so these updates wait for them.
            dependencies = [value, renorm_rate, *active.tensors, batch.r, batch.d]
            renorm_changes.append(Change([follow(name, value, lambda read: renorm_rate)], dependencies))

    mean_assignments = []
    if state.local_step is not None:
        step_dtype = state.local_step.dtype.base_dtype
        mean_assignments.append(Assignment("local_step", "assign_add", lambda read: active.cast(step_dtype)))
    if state.biased is None:
        mean_assignments.append(follow("moving_mean", mean))
    else:
        mean_assignments += [follow("biased", mean), Assignment("moving_mean", "assign", corrected_mean)]

    if stddev is None:
        variance_assignments, followed = [follow("moving_variance", variance)], variance
    else:
        squared = Assignment("moving_variance", "assign", squared_stddev)
        variance_assignments, followed = [follow("moving_stddev", stddev), squared], stddev
    return [*renorm_changes, Change(mean_assignments, [mean, *ready]), Change(variance_assignments, [followed, *ready])]


def update_rate(decay: Any, dtype: tf.DType, active: Flag, single: bool = False) -> tf.Tensor:
    """1 - decay in `dtype`, and zero where not `active`: the share of the batch in the next moving average.

    A number's difference is taken in float64 and rounded to float32, or with `single` taken in float32: as float32,
    1 - 0.999 is 0.00099998712 rather than 0.001.
    """
    if tf.is_tensor(decay):
        return active.where(tf.cast(1.0 - decay, dtype), 0.0)
    # A NumPy number keeps the precision it has, as a tensor does.
    numpy_type = decay.dtype.type if isinstance(decay, (np.floating, np.ndarray)) else np.float32
    number = numpy_type(1) - numpy_type(decay) if single else numpy_type(1.0 - float(decay))
    rate = tf.constant(number.astype(dtype.as_numpy_dtype), name="decay")
    # The rate is at most 1, so this is 0 or the rate, whether `active` is a boolean or a number of samples.
    return rate if active.always else tf.minimum(active.cast(dtype), rate)


def next_state(state: State, changes: list[Change]) -> State:
    """The state of tensors after the changes."""
    values = state._asdict()
    for assignment in (assignment for change in changes for assignment in change.assignments):
        before, amount = values[assignment.name], assignment.amount(values.__getitem__)
        if assignment.method == "assign":
            values[assignment.name] = amount
        else:
            values[assignment.name] = before + amount if assignment.method == "assign_add" else before - amount
    return State(**values)

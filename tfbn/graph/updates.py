"""The ops that move the statistics, and whether they are collected or forced inline."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tfbn import _tensorflow
from tfbn.core import averages, normalization, policy, values
from tfbn.graph import atomic, variables


def build(
    scope: tf.compat.v1.VariableScope,
    layer: variables.Variables,
    batch: values.Batch,
    row: policy.Row,
    active: tf.Tensor | bool,
    *,
    decay: Any,
    renorm_decay: Any,
    epsilon: float,
    zero_debias: bool,
    synchronized: bool,
) -> list[Any]:
    """The update of the moving mean, then that of the moving variance; neither changes a bit where not `active`."""
    moving_mean, moving_variance = layer["moving_mean"], layer["moving_variance"]
    _check_assignable(moving_mean)
    dtype = moving_mean.dtype.base_dtype
    pair = variables.create_debias_pair(scope, moving_mean, row, synchronized) if zero_debias else None
    rate = averages.update_rate(decay, dtype, active, row.single)
    active = normalization.truth(active) if zero_debias or batch.stddev is not None else active
    first: list[tf.Operation] = []
    if batch.r is not None and batch.d is not None:
        renorm_rate = averages.update_rate(renorm_decay, dtype, active, row.single)
        # r and d are of the averages as they were, so these wait for them.
        first = [
            _follow(layer[name], value, renorm_rate, active, [batch.r.op, batch.d.op]).op
            for name, value in (("renorm_mean", batch.mean), ("renorm_stddev", batch.stddev))
        ]
    if pair is not None:
        mean_update = _follow_debiased(moving_mean, *pair, batch.mean, rate, active, first)
    else:
        mean_update = _follow(moving_mean, batch.mean, rate, active, first)
    if batch.stddev is None:
        variance_update = _follow(moving_variance, batch.variance, rate, active, first)
    else:
        variance_update = _follow_deviation(
            moving_variance, layer["moving_stddev"], batch.stddev, epsilon, rate, active, first
        )
    return [mean_update, variance_update]


class Wired(NamedTuple):
    outputs: tf.Tensor
    updates: tuple[Any, ...]  # operations or tensors, as a collection holds them
    collections: tuple[Any, ...] | None  # that got the updates; None where the outputs wait for them


def wire(outputs: tf.Tensor, updates: list[Any], row: policy.Row, collections: Any) -> Wired:
    """Collects the updates, or makes outputs that wait for them."""
    # What lies inside a branch or a loop body cannot be fetched from outside, so there the body itself must run it.
    if collections is None or (collections and (_tensorflow.in_v1_body() or _tensorflow.in_v2_body())):
        assignments = tuple(update.op for update in updates)
        with tf.control_dependencies(assignments):
            return Wired(tf.identity(outputs), assignments, None)
    collections = (collections,) if isinstance(collections, str) else tuple(collections)
    # A resource variable's assignment is neither tensor nor operation; session.run, tf.group, prune and MetaGraph
    # export all take the value read after it.
    entries = tuple(update.op if row.update_kind == "operation" else tf.convert_to_tensor(update) for update in updates)
    for entry, update in zip(entries, updates):
        atomic.stands_for(getattr(entry, "op", entry), update.op)
        tf.compat.v1.add_to_collections(collections, entry)
    return Wired(outputs, entries, collections)


def _check_assignable(variable: Any) -> None:
    # Only a reused variable can be one: TensorFlow makes resource variables in these bodies.
    if _tensorflow.in_v2_body() and variable.dtype != variable.dtype.base_dtype:
        raise TypeError(
            "expected resource variables inside the body of a control flow v2 cond, while or map, got "
            f"{variables.full_name(variable)} of dtype {variable.dtype.name}, which TensorFlow cannot assign there. "
            "Call tf.compat.v1.enable_resource_variables() first, or create it with variable_scope(use_resource=True)."
        )


def _follow(average: Any, value: tf.Tensor, rate: tf.Tensor, active: tf.Tensor | bool, after: list[Any]) -> Any:
    value = tf.cast(value, average.dtype.base_dtype)
    return atomic.subtract(
        average,
        _ready(value, rate, active, after),
        lambda read: averages.decrement(read(average), value, rate, active),
    )


def _follow_debiased(
    moving_mean: Any,
    biased: Any,
    local_step: Any,
    mean: tf.Tensor,
    rate: tf.Tensor,
    active: tf.Tensor | bool,
    after: list[Any],
) -> Any:
    mean = tf.cast(mean, moving_mean.dtype.base_dtype)

    def value(read: atomic.Read) -> tf.Tensor:
        current = read(moving_mean)
        average = tf.convert_to_tensor(biased.assign_sub(averages.decrement(read(biased), mean, rate, active)))
        step = tf.convert_to_tensor(local_step.assign_add(tf.cast(active, local_step.dtype.base_dtype)))
        return averages.debiased(average, step, rate, current, active)

    return atomic.replace(moving_mean, _ready(mean, rate, active, after), value, "AssignMovingAvg")


def _follow_deviation(
    moving_variance: Any,
    moving_stddev: Any,
    stddev: tf.Tensor,
    epsilon: float,
    rate: tf.Tensor,
    active: tf.Tensor | bool,
    after: list[Any],
) -> Any:
    stddev = tf.cast(stddev, moving_stddev.dtype.base_dtype)

    def value(read: atomic.Read) -> tf.Tensor:
        average = tf.convert_to_tensor(
            moving_stddev.assign_sub(averages.decrement(read(moving_stddev), stddev, rate, active))
        )
        # Read only where something may hold the variance still.
        held = moving_variance if active is True else read(moving_variance)
        return averages.variance_of(average, epsilon, held, active)

    return atomic.replace(moving_variance, _ready(stddev, rate, active, after), value, "AssignNewValue")


def _ready(value: tf.Tensor, rate: tf.Tensor, active: tf.Tensor | bool, after: list[Any]) -> list[Any]:
    """All that a change depends on: nothing may be left to compute between reading a variable and assigning it."""
    return [value, rate, *([] if isinstance(active, bool) else [active]), *after]

"""The ops that move the statistics, and whether they are collected or forced inline."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfbn import _tensorflow, functional
from tfbn.graph import policy, variables


def build(
    scope: tf.compat.v1.VariableScope,
    layer: variables.Variables,
    batch: functional.Batch,
    row: policy.Row,
    active: tf.Tensor | bool,
    *,
    decay: Any,
    renorm_decay: Any,
    epsilon: float,
    zero_debias: bool,
) -> list[Any]:
    """The update of the moving mean, then that of the moving variance; neither changes a bit where not `active`."""
    moving_mean, moving_variance = layer["moving_mean"], layer["moving_variance"]
    _check_assignable(moving_mean)
    dtype = moving_mean.dtype.base_dtype
    rate = functional.update_rate(decay, dtype, active, row.single)
    first: list[Any] = []
    if batch.stddev is not None:
        renorm_rate = functional.update_rate(renorm_decay, dtype, active, row.single)
        # r and d are of the averages as they were, so these wait for them.
        with tf.control_dependencies([batch.r, batch.d]):
            first = [
                _follow(layer["renorm_mean"], batch.mean, renorm_rate, active),
                _follow(layer["renorm_stddev"], batch.stddev, renorm_rate, active),
            ]
    with tf.control_dependencies([update.op for update in first]):
        if zero_debias:
            pair = variables.create_debias_pair(scope, moving_mean, row)
            mean_update = _follow_debiased(moving_mean, *pair, batch.mean, rate, active)
        else:
            mean_update = _follow(moving_mean, batch.mean, rate, active)
        if batch.stddev is None:
            variance_update = _follow(moving_variance, batch.variance, rate, active)
        else:
            moving_stddev = tf.convert_to_tensor(_follow(layer["moving_stddev"], batch.stddev, rate, active))
            # Rounding may take the difference below zero.
            variance = tf.nn.relu(tf.square(moving_stddev) - tf.cast(epsilon, dtype))
            variance_update = _assign(moving_variance, variance, active)
    return [mean_update, variance_update]


def wire(outputs: tf.Tensor, updates: list[Any], row: policy.Row, collections: Any) -> tf.Tensor:
    """Collects the updates, or returns outputs that wait for them."""
    # What lies inside a branch or a loop body cannot be fetched from outside, so there the body itself must run it.
    if collections is None or _tensorflow.in_v1_body() or _tensorflow.in_v2_body():
        with tf.control_dependencies([update.op for update in updates]):
            return tf.identity(outputs)
    for update in updates:
        # A resource variable's assignment is neither tensor nor operation; session.run, tf.group, prune and
        # MetaGraph export all take the value read after it.
        entry = update.op if row.update_kind == "operation" else tf.convert_to_tensor(update)
        tf.compat.v1.add_to_collections(collections, entry)
    return outputs


def _check_assignable(variable: Any) -> None:
    # Only a reused variable can be one: TensorFlow makes resource variables in these bodies.
    if _tensorflow.in_v2_body() and variable.dtype != variable.dtype.base_dtype:
        raise TypeError(
            f"batch_norm: expected resource variables inside the body of a control flow v2 cond, while or map, got "
            f"{variable.op.name} of dtype {variable.dtype.name}, which TensorFlow cannot assign there. Call "
            "tf.compat.v1.enable_resource_variables() first, or create it in a variable_scope with use_resource=True."
        )


def _follow(average: Any, value: tf.Tensor, rate: tf.Tensor, active: tf.Tensor | bool) -> Any:
    with tf.compat.v1.name_scope("AssignMovingAvg") as name:
        value, current = _meet(average, value)
        decrement = functional.decrement(current, value, rate, guarded=active is not True)
        return average.assign_sub(decrement, name=name)


def _follow_debiased(
    moving_mean: Any, biased: Any, local_step: Any, mean: tf.Tensor, rate: tf.Tensor, active: tf.Tensor | bool
) -> Any:
    with tf.compat.v1.name_scope("AssignMovingAvg"):
        mean, current = _meet(biased, mean)
        decrement = functional.decrement(current, mean, rate, guarded=active is not True)
        average = tf.convert_to_tensor(biased.assign_sub(decrement))
        step = tf.convert_to_tensor(local_step.assign_add(tf.cast(active, local_step.dtype.base_dtype)))
        value = functional.debiased(average, step, rate, tf.convert_to_tensor(moving_mean))
        return _assign(moving_mean, value, active)


def _assign(variable: Any, value: tf.Tensor, active: tf.Tensor | bool) -> Any:
    with tf.compat.v1.name_scope("AssignNewValue") as name:
        if active is not True:
            value, current = _meet(variable, value)
            value = tf.where(active, value, current)
        return variable.assign(value, name=name)


def _meet(variable: Any, value: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The value in the variable's dtype, and the variable read after it: in a loop, what this round finds."""
    value = tf.cast(value, variable.dtype.base_dtype)
    with tf.control_dependencies([value]):
        return value, variable.read_value()

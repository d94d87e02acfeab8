"""Batch statistics over all replicas of tf.distribute: one collective for the moments, one for their gradient.

Each replica computes the moments of its own shard, and the replicas exchange their numbers of samples n, means and
variances. Pooled, with sums over the replicas (Chan, Golub and LeVeque 1983):

    mean = sum(n * mean) / sum(n);  variance = sum(n * (variance + (mean_of_replica - mean)**2)) / sum(n)

Sums of squares would cancel where the mean is far from zero. A replica without samples has n = 0. All replicas pool the
same numbers in the same order, and so get the same bits.

A value that is not finite on one replica would stay in the statistics of all, and nothing would show where it came
from. All replicas see the same numbers, so all raise the same error, and none waits for another.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from tfbn.ops.moments import Moments, SampleWeights


class Pooled(NamedTuple):
    """Moments of the whole batch, and the weights in them of this replica's samples."""

    moments: Moments
    shares: SampleWeights


def pool(local: Moments, shares: SampleWeights) -> Pooled:
    """The moments of all replicas' samples from those of each; to be called by all of them."""
    shares = shares._replace(total=tf.convert_to_tensor(shares.total))
    number, shape = _context().num_replicas_in_sync, local.mean.shape
    sizes = [shares.total.shape.num_elements(), shape.num_elements(), shape.num_elements()]
    packed = tf.concat([tf.reshape(value, [-1]) for value in (shares.total, *local)], 0)
    totals, means, variances = tf.split(_check_finite(_gather(packed, number)), sizes, 1)
    total = tf.reduce_sum(totals, 0)
    parts = tf.math.divide_no_nan(totals, total)
    # In two steps: differences from a close value are nearly exact, so the mean is rounded only once.
    near = tf.reduce_sum(parts * means, 0)
    mean = near + tf.reduce_sum(parts * (means - near), 0)
    variance = tf.reduce_sum(parts * (variances + tf.square(means - mean)), 0)
    # Constant with respect to the weights that it is the sum of: their gradient accounts for it.
    total = tf.stop_gradient(tf.reshape(total, shares.total.shape))
    return Pooled(Moments(tf.reshape(mean, shape), tf.reshape(variance, shape)), SampleWeights(shares.weights, total))


def sum_over_replicas(*values: tf.Tensor) -> list[tf.Tensor]:
    """The sums over all replicas, in one collective; to be called by all of them."""
    packed = tf.concat([tf.reshape(value, [-1]) for value in values], 0)
    sums = tf.split(_all_reduce(packed), [value.shape.num_elements() for value in values])
    return [tf.reshape(part, value.shape) for part, value in zip(sums, values)]


def _gather(values: tf.Tensor, number: int) -> tf.Tensor:
    """[replicas, len(values)]. By all_reduce: TensorFlow's all_gather is two collectives, one of them for shapes."""
    index = _context().replica_id_in_sync_group
    rows = _all_reduce(tf.pad(values[tf.newaxis], [[index, number - 1 - index], [0, 0]]))
    return tf.ensure_shape(rows, [number, values.shape[0]])


def _check_finite(rows: tf.Tensor) -> tf.Tensor:
    """The rows; an error names the replicas in whose rows something is not finite."""
    finite = tf.reduce_all(tf.math.is_finite(rows), 1)
    message = (
        "synchronized: expected inputs whose mean and variance are finite on all replicas, got NaN or infinity from "
        "the replicas (counted from 0):"
    )
    which = tf.reshape(tf.where(tf.logical_not(finite)), [-1])
    # In eager code and functions it runs without anything waiting for it: a wait would make a device hang.
    check = tf.raw_ops.Assert(condition=tf.reduce_all(finite), data=[message, which], summarize=rows.shape[0])
    if tf.executing_eagerly() or tf.compat.v1.get_default_graph().building_function:
        return rows
    with tf.control_dependencies([check]):
        return tf.identity(rows)


def _all_reduce(values: tf.Tensor) -> tf.Tensor:
    context = _context()
    if tf.executing_eagerly() or tf.compat.v1.get_default_graph().building_function:
        return context.all_reduce(tf.distribute.ReduceOp.SUM, values)
    # In TF1 graphs the gradient that comes with all_reduce looks for replicas' variables by names they do not have.
    return context.merge_call(_reduced, args=(values,))


def _reduced(strategy: tf.distribute.Strategy, values: tf.Tensor) -> tf.Tensor:
    return strategy.extended.batch_reduce_to(tf.distribute.ReduceOp.SUM, [(values, values)])[0]


def _context() -> tf.distribute.ReplicaContext:
    context = tf.distribute.get_replica_context()
    if context is None:
        raise RuntimeError(
            "synchronized: expected the gradient to be taken in the function that strategy.run runs, got it in "
            "cross-replica context, where TensorFlow has no collectives. Open the GradientTape within that function."
        )
    return context

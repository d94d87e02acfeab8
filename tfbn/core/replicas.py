"""Whether `synchronized=True` has several replicas to pool, and the refusals where TensorFlow has no way to."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfbn import _tensorflow
from tfbn.core.flag import Flag

# Their replicas take each step together, and can exchange tensors within a step.
_SYNCHRONOUS = (
    tf.distribute.MirroredStrategy,
    tf.compat.v1.distribute.MirroredStrategy,
    tf.distribute.MultiWorkerMirroredStrategy,
    tf.compat.v1.distribute.experimental.MultiWorkerMirroredStrategy,
)
# Their workers do not wait for each other.
_ASYNCHRONOUS = (
    tf.distribute.experimental.ParameterServerStrategy,
    tf.compat.v1.distribute.experimental.ParameterServerStrategy,
)


def several_replicas(synchronized: Any, is_training: Flag) -> bool:
    """Whether a call has to pool its statistics with other replicas; raises where it has to and cannot."""
    if not synchronized:
        return False
    strategy = tf.distribute.get_strategy()
    if isinstance(strategy, _ASYNCHRONOUS):
        raise ValueError(
            f"synchronized: expected replicas that take each step together, got {type(strategy).__name__}, whose "
            "workers do not wait for each other. Leave synchronized out, or train with tf.distribute.MirroredStrategy "
            "or MultiWorkerMirroredStrategy."
        )
    if is_training.never or strategy.num_replicas_in_sync == 1:
        return False
    if not isinstance(strategy, _SYNCHRONOUS):
        raise ValueError(
            "synchronized: expected tf.distribute.MirroredStrategy or MultiWorkerMirroredStrategy, got "
            f"{type(strategy).__name__}. Train with one of these, or leave synchronized out."
        )
    if tf.distribute.in_cross_replica_context():
        raise RuntimeError(
            "synchronized: expected a training call in the function that strategy.run runs, got one outside of it, in "
            "cross-replica context, where there is no shard of the batch. Call it by strategy.run(function, args)."
        )
    if _tensorflow.compiled_whole():
        raise RuntimeError(
            "synchronized: expected a function that TensorFlow runs op by op, got one that XLA compiles, whose "
            f"replicas {type(strategy).__name__} cannot make exchange statistics. Leave out jit_compile=True, or "
            "synchronized."
        )
    graph, replica_graph = tf.compat.v1.get_default_graph(), _tensorflow.graph_of_replica()
    elsewhere = replica_graph is not None and replica_graph is not graph
    if elsewhere or _tensorflow.in_v1_body() or _tensorflow.in_vectorized_map():
        raise RuntimeError(
            "synchronized: expected a training call right in the function that strategy.run runs, got one in the body "
            "of a loop, a map or a conditional, or in a tf.function, within it. TensorFlow refuses collectives there. "
            "Put the loop around strategy.run, let is_training be a tensor instead of a condition around the call, and "
            "decorate the function that calls strategy.run instead of one within."
        )
    return True


def check_created_for_replicas(variable: tf.Variable, name: str) -> None:
    """Requires a variable created for the replicas, which otherwise would all update a single copy."""
    strategy = tf.distribute.get_strategy()
    if not strategy.extended.variable_created_in_scope(variable):
        raise ValueError(
            f"synchronized: expected the variables of {name} to be created in the strategy's scope, got one that was "
            "not, which each replica would update again. Create the layer in `with strategy.scope():`."
        )


def aggregation(synchronized: Any) -> tf.VariableAggregation:
    """How a statistic is read outside replicas: as their mean, or, if all have the same bits, as the first's."""
    return tf.VariableAggregation.ONLY_FIRST_REPLICA if synchronized else tf.VariableAggregation.MEAN

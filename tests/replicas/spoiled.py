"""Steps in which one replica's data is NaN: `python -m tests.replicas.spoiled KIND`, of which TF_CONFIG names others.

KIND is `function`, `eager` or `graph` for two replicas of this process, or `workers`. Prints the type and the text of
the error that ends the steps; the second of two has the NaN, in one channel of the second replica.
"""

from __future__ import annotations

import json
import sys

import numpy as np
import tensorflow as tf

import tfbn
from tests.replicas.program import mirrored

X = np.random.RandomState(0).normal(5, 2, [7, 5]).astype("float32")


def share(replica: int, step: int) -> np.ndarray:
    x = np.array(np.split(X, [4])[replica])
    if (replica, step) == (1, 1):
        x[0, 3] = np.nan
    return x


def main(kind: str) -> None:
    strategy = tf.distribute.MultiWorkerMirroredStrategy() if kind == "workers" else mirrored(2)
    try:
        (train_graph if kind == "graph" else train)(strategy, kind == "eager")
    except tf.errors.OpError as error:
        print(json.dumps([type(error).__name__, error.message]), flush=True)


def train(strategy: tf.distribute.Strategy, eager: bool) -> None:
    with strategy.scope():
        norm = tfbn.BatchNorm(5, synchronized=True)

    def step(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(norm(x) ** 3)
        return tape.gradient(loss, norm.beta)

    def run(x: tf.Tensor) -> None:
        strategy.run(step, [x])

    function = run if eager else tf.function(run, autograph=False, reduce_retracing=True)
    for number in range(2):
        function(
            strategy.experimental_distribute_values_from_function(
                lambda context, number=number: tf.constant(share(context.replica_id_in_sync_group, number))
            )
        )


def train_graph(strategy: tf.distribute.Strategy, _: bool) -> None:
    with tf.Graph().as_default(), strategy.scope():
        inputs = [tf.compat.v1.placeholder(tf.float32, [None, 5]) for _ in range(2)]

        def replica() -> tf.Tensor:
            index = int(tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group))
            return tfbn.batch_norm(inputs[index], synchronized=True)

        outputs = strategy.experimental_local_results(strategy.run(replica))
        with tf.compat.v1.Session() as session:
            session.run(tf.compat.v1.global_variables_initializer())
            for number in range(2):
                session.run(outputs, {place: share(index, number) for index, place in enumerate(inputs)})


if __name__ == "__main__":
    main(*sys.argv[1:])

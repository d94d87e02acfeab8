"""Steps that one of two replicas spoils, the second step: `python -m tests.replicas.spoiled KIND`.

KIND is `function`, `eager` or `graph` for two replicas of this process, or `workers`, which TF_CONFIG names: there one
has a NaN in its data, in one channel. Of the workers of `fewer calls` it leaves the layer out. Prints the type and the
text of the error that ends the steps.
"""

from __future__ import annotations

import json
import os
import sys
import time

import numpy as np
import tensorflow as tf

import tfbn
from tests.replicas.program import mirrored

X = np.random.RandomState(0).normal(5, 2, [7, 5]).astype("float32")


def share(replica: int, step: int, kind: str) -> np.ndarray:
    x = np.array(np.split(X, [4])[replica])
    if (replica, step) == (1, 1) and kind != "fewer calls":
        x[0, 3] = np.nan
    return x


def main(kind: str) -> None:
    several = kind in ("workers", "fewer calls")
    options = tf.distribute.experimental.CommunicationOptions(timeout_seconds=20.0)
    strategy = tf.distribute.MultiWorkerMirroredStrategy(communication_options=options) if several else mirrored(2)
    try:
        (train_graph if kind == "graph" else train)(strategy, kind)
    except tf.errors.OpError as error:
        print(json.dumps([type(error).__name__, error.message]), flush=True)
        os._exit(0)  # TensorFlow would wait for the other process once more


def train(strategy: tf.distribute.Strategy, kind: str) -> None:
    with strategy.scope():
        norm = tfbn.BatchNorm(5, synchronized=True)
    leaves_out = kind == "fewer calls" and strategy.cluster_resolver.task_id == 1

    def step(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(norm(x) ** 3)
        return tape.gradient(loss, norm.beta)

    def run(x: tf.Tensor) -> None:
        strategy.run(step, [x])

    function = run if kind == "eager" else tf.function(run, autograph=False, reduce_retracing=True)
    for number in range(2):
        x = strategy.experimental_distribute_values_from_function(
            lambda context, number=number: tf.constant(share(context.replica_id_in_sync_group, number, kind))
        )
        if not (leaves_out and number):
            function(x)
    if leaves_out:
        time.sleep(40)  # a process that ends would be noticed


def train_graph(strategy: tf.distribute.Strategy, kind: str) -> None:
    with tf.Graph().as_default(), strategy.scope():
        inputs = [tf.compat.v1.placeholder(tf.float32, [None, 5]) for _ in range(2)]

        def replica() -> tf.Tensor:
            index = int(tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group))
            return tfbn.batch_norm(inputs[index], synchronized=True)

        outputs = strategy.experimental_local_results(strategy.run(replica))
        with tf.compat.v1.Session() as session:
            session.run(tf.compat.v1.global_variables_initializer())
            for number in range(2):
                session.run(outputs, {place: share(index, number, kind) for index, place in enumerate(inputs)})


if __name__ == "__main__":
    main(*sys.argv[1:])

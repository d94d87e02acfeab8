"""Calls that `synchronized=True` refuses, and some like them: `python -m tests.replicas.refusals` prints JSON.

By name, the type and the text of the error, or null where the call went well.
"""

from __future__ import annotations

import contextlib
import json

import numpy as np
import tensorflow as tf

import tfbn
from tests.replicas.program import mirrored

STRATEGY = mirrored(2)
X = np.random.RandomState(0).normal(5, 2, [7, 5]).astype("float32")
SHARES = STRATEGY.experimental_distribute_values_from_function(
    lambda context: tf.constant(np.split(X, [4])[context.replica_id_in_sync_group])
)
OUTSIDE = tfbn.BatchNorm(5, synchronized=True)
with STRATEGY.scope():
    NORM = tfbn.BatchNorm(5, decay=0.5, synchronized=True)
    LATE = tfbn.BatchNorm(synchronized=True)


def of_replica(function):
    """The function as what a traced strategy.run runs."""
    return lambda: tf.function(lambda x: STRATEGY.run(function, [x]), autograph=False)(SHARES)


def beside(*arguments, **more):
    def call():
        with STRATEGY.scope():
            NORM(X, *arguments, **more)

    return call


@tf.function
def loop_around(x):
    for _ in tf.range(3):
        STRATEGY.run(NORM, [x])


def in_a_graph(function):
    def call():
        with tf.Graph().as_default(), STRATEGY.scope():
            try:
                STRATEGY.run(function, [tf.constant(X)])
            finally:
                made = [variable.name for variable in tf.compat.v1.global_variables()]
                assert made == [], made

    return call


def graph_norm(x):
    return tfbn.batch_norm(x, synchronized=True)


def under(strategy):
    """Called with this strategy as the current one."""

    def call():
        with strategy.scope():
            norm = tfbn.BatchNorm(5, synchronized=True)
            strategy.run(norm, [X])

    return call


CALLS = {
    "while": of_replica(lambda x: tf.while_loop(lambda i, y: i < 2, lambda i, y: (i + 1, NORM(y)), [0, x])),
    "cond": of_replica(lambda x: tf.cond(tf.reduce_sum(x) > 0, lambda: NORM(x), lambda: x)),
    "map": of_replica(lambda x: tf.map_fn(NORM, x[None])),
    "vectorized map": of_replica(lambda x: tf.vectorized_map(NORM, x[None])),
    "vectorized map, eager": lambda: STRATEGY.run(lambda x: tf.vectorized_map(NORM, x[None]), [SHARES]),
    "function within": of_replica(lambda x: tf.function(NORM)(x)),
    "late variables": of_replica(lambda x: tf.function(LATE)(x)),
    "XLA within": of_replica(lambda x: tf.function(NORM, jit_compile=True)(x)),
    "XLA around": lambda: tf.function(lambda x: STRATEGY.run(NORM, [x]), jit_compile=True)(SHARES),
    "beside": beside(),
    "outside": of_replica(OUTSIDE),
    "functional": of_replica(
        lambda x: tf.cond(
            tf.reduce_sum(x) > 0,
            lambda: tfbn.functional.train(x, *tfbn.functional.init(5), synchronized=True)[0],
            lambda: x,
        )
    ),
    "graph: while": in_a_graph(
        lambda x: tf.compat.v1.while_loop(lambda i, y: i < 2, lambda i, y: (i + 1, graph_norm(y)), [0, x])
    ),
    "graph: cond": in_a_graph(lambda x: tf.compat.v1.cond(tf.reduce_sum(x) > 0, lambda: graph_norm(x), lambda: x)),
    "graph: layer": in_a_graph(
        lambda x: tf.compat.v1.cond(
            tf.reduce_sum(x) > 0,
            lambda: tfbn.batch_normalization(x, training=True, synchronized=True),
            lambda: x,
        )
    ),
    "central storage": under(tf.distribute.experimental.CentralStorageStrategy(["CPU:0", "CPU:1"])),
    "fine: loop around": lambda: loop_around(SHARES),
    "fine: a function run": lambda: STRATEGY.run(tf.function(NORM), [SHARES]),
    "fine: inference beside": beside(False),
    "fine: inference in a cond": of_replica(
        lambda x: tf.cond(tf.reduce_sum(x) > 0, lambda: NORM(x, is_training=False), lambda: x)
    ),
    "fine: no strategy": lambda: NORM(X),
}


def main() -> None:
    found = {}
    for name, call in CALLS.items():
        found[name] = None
        try:
            call()
        except Exception as error:
            found[name] = [type(error).__name__, str(error)]
    found["made late"] = None if LATE.moving_mean is None else ["", "variables"]
    with contextlib.redirect_stdout(None):
        before = NORM.moving_mean.numpy()
        loop_around(SHARES)
    expected = X.mean(0) + (before - X.mean(0)) / 8
    found["fine: three rounds"] = None if np.allclose(NORM.moving_mean, expected, rtol=1e-6) else ["", "other numbers"]
    print(json.dumps(found))


if __name__ == "__main__":
    main()

"""Trains TF1 graphs under a strategy: `python -m tests.replicas.graph_program KIND RESULTS CHECKPOINT`.

KIND is `mirrored`, `mirrored-v1` (the strategy of tf.compat.v1) or `workers`, where TF_CONFIG names them; with
`-separate` at its end the layers are not synchronized. RESULTS is the .npz file to write, CHECKPOINT that of a Saver.
"""

from __future__ import annotations

import json
import os
import sys

import numpy as np
import tensorflow as tf2
import tensorflow.compat.v1 as tf

import tfbn
from tests import oracle
from tests.replicas.program import logical_cpus

SIZES = [(7, 4), (0, 5)]
PATHS = {
    "default": {},
    "renorm": {"renorm": True, "renorm_decay": 0.8, "renorm_clipping": {"rmax": 1.5, "rmin": 0.7, "dmax": 0.4}},
    "zero debias": {"zero_debias_moving_mean": True},
    "is_training": {"is_training": "a tensor"},
    "weights": {"batch_weights": True},
    "layer": {},
}


def batch(step: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs, in float32, and the loss's slope."""
    x = oracle.batch([sum(SIZES[step]), 4, 3, 5], seed=20 + step).astype("float32")
    return x, np.random.RandomState(step).standard_normal(x.shape).astype("float32")


def weights(x: tf.Tensor) -> tf.Tensor:
    return 1 + tf.reduce_sum(x[:, 0, 0, :2] ** 2, 1)


def network(name: str, x: tf.Tensor, is_training: tf.Tensor, **more) -> tf.Tensor:
    given = {"decay": 0.5, "scale": True, "scope": name.replace(" ", "_"), **PATHS[name], **more}
    if name == "layer":
        more = {key: value for key, value in more.items() if key == "synchronized"}
        return tfbn.batch_normalization(x, momentum=0.5, training=True, name="layer", **more)
    if given.get("is_training"):
        given["is_training"] = is_training
    if given.get("batch_weights"):
        given["batch_weights"] = tf.stop_gradient(weights(x))
    return tfbn.batch_norm(x, **given)


def trained(name: str, x: tf.Tensor, slope: tf.Tensor, is_training: tf.Tensor, **more) -> dict[str, tf.Tensor]:
    """Outputs and gradients, which wait for the updates."""
    outputs = network(name, x, is_training, **more)
    scope = name.replace(" ", "_") + "/"
    sources = [x, *(v for v in tf.trainable_variables() if v.name.startswith(scope))]
    gradients = tf.gradients(tf.reduce_sum(outputs * slope), sources)
    names = ["dx", *(v.name.rpartition("/")[2].rpartition(":")[0] for v in sources[1:])]
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS, ".*" + scope)):
        return {"outputs": tf.identity(outputs), **dict(zip(names, map(tf.identity, gradients)))}


def run(strategy, results: str, checkpoint: str, synchronized: bool, target: str = "", config=None) -> None:
    here = strategy.extended.worker_devices
    is_training = tf.placeholder_with_default(True, [])
    with strategy.scope():
        # A placeholder for each local replica, which finds its own by its device's place.
        local = [[tf.placeholder(tf.float32, [None, 4, 3, 5]) for _ in range(2)] for _ in here]

        def replica():
            context = tf.distribute.get_replica_context()
            index = int(tf.get_static_value(context.replica_id_in_sync_group))
            x, slope = local[index % len(here)]
            return {
                name: trained(name, tf.identity(x), slope, is_training, synchronized=synchronized) for name in PATHS
            }

        step = strategy.run(replica)
    first = strategy.num_replicas_in_sync // len(here) and task()
    fetched = {
        f"{name}/{what}": list(strategy.experimental_local_results(value))
        for name, found in step.items()
        for what, value in found.items()
    }
    parts = {v.name.rpartition(":")[0]: list(strategy.experimental_local_results(v)) for v in tf.global_variables()}
    saver = tf.train.Saver()
    found = {}
    with tf.Session(target, config=config) as session:
        session.run(tf.global_variables_initializer())
        for number, sizes in enumerate(SIZES):
            feed = {is_training: number == 0}
            for values, whole in zip(zip(*local), batch(number)):
                shards = np.split(whole, np.cumsum(sizes)[:-1])
                feed.update({each: shards[first + index] for index, each in enumerate(values)})
            for name, values in session.run(fetched, feed).items():
                found.update({f"{name}/{number}/{index}": value for index, value in enumerate(values)})
        for name, values in session.run(parts).items():
            found.update({f"{name}/variable/{index}": value for index, value in enumerate(values)})
        # Every worker saves, because reading a mean is a collective; of their files, the first's is looked at.
        os.makedirs(os.path.dirname(checkpoint), exist_ok=True)
        saver.save(session, checkpoint, write_meta_graph=False)
    np.savez(results, **found)


def task() -> int:
    return json.loads(os.environ["TF_CONFIG"])["task"]["index"] if "TF_CONFIG" in os.environ else 0


def main(kind: str, results: str, checkpoint: str) -> None:
    kind, separate = kind.replace("-separate", ""), kind.endswith("-separate")
    if kind != "workers":
        logical_cpus(2)
    with tf.Graph().as_default():
        if kind == "workers":
            strategy = tf2.distribute.MultiWorkerMirroredStrategy()
            config = strategy.update_config_proto(tf.ConfigProto())
            cluster = json.loads(os.environ["TF_CONFIG"])["cluster"]
            server = tf.train.Server(cluster, "worker", task(), config=config)
            run(strategy, results, checkpoint, not separate, server.target, config)
        else:
            kinds = {"mirrored": tf2.distribute.MirroredStrategy, "mirrored-v1": tf.distribute.MirroredStrategy}
            run(kinds[kind](["CPU:0", "CPU:1"]), results, checkpoint, not separate)


if __name__ == "__main__":
    main(*sys.argv[1:])

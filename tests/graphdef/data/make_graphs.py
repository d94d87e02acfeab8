"""Graphs that tfbn has not built, for the tests of what finds layers in them. Runs under TensorFlow 1.15.5 or 2.12:

    INTERPRETER tests/graphdef/data/make_graphs.py FOLDER

writes, under 1.15.5, contrib.meta.gz and keras1.pb.gz, and under 2.12, whose Keras is Keras 2, keras2.pb.gz.
"""

from __future__ import annotations

import gzip
import os
import sys

import tensorflow.compat.v1 as tf

CONTRIB = {
    "core": {},
    "core_nonfused": {"fused": False},
    "core_renorm": {"renorm": True, "fused": False},
    "function_fused": {"updates_collections": "mine"},
    "legacy": {"updates_collections": "mine", "fused": False},
    "debias": {"zero_debias_moving_mean": True},
    "debias_nonfused": {"zero_debias_moving_mean": True, "fused": False},
    "inline": {"updates_collections": None},
    "frozen": {"trainable": False},
}


def contrib():
    """Every path of contrib's batch_norm, by three kinds of is_training; one scope twice; and one train op."""
    from tensorflow.contrib.layers import batch_norm

    inputs = tf.placeholder(tf.float32, [None, 2, 2, 3], name="inputs")
    dynamic = tf.placeholder(tf.bool, [], name="is_training")
    outputs = []
    for name, arguments in CONTRIB.items():
        for kind, is_training in (("training", True), ("inference", False), ("dynamic", dynamic)):
            with tf.variable_scope(kind):
                outputs.append(batch_norm(inputs, is_training=is_training, scope=name, **arguments))
    for reuse in (False, True):
        outputs.append(batch_norm(inputs, scope="twice", reuse=reuse, fused=False))
    loss = tf.add_n([tf.reduce_mean(output) for output in outputs], name="loss")
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS) + tf.get_collection("mine")
    once = [update for update in updates if not update.name.startswith("twice_1/")]
    tf.group(loss, name="forgotten")
    tf.group(loss, *updates, name="all_updates")
    tf.group(loss, *once, name="wired")


def keras():
    """Keras' layers, whose updates no collection holds, by three kinds of training."""
    inputs = tf.placeholder(tf.float32, [None, 2, 2, 3], name="inputs")
    dynamic = tf.placeholder(tf.bool, [], name="training")
    outputs, updates = [], []
    for fused in (True, False):
        for kind, training in (("training", True), ("inference", False), ("dynamic", dynamic)):
            layer = tf.keras.layers.BatchNormalization(name=f"{kind}_{'fused' if fused else 'nonfused'}", fused=fused)
            outputs.append(layer(inputs, training=training))
            updates += layer.updates
    loss = tf.add_n([tf.reduce_mean(output) for output in outputs], name="loss")
    tf.group(loss, name="forgotten")
    tf.group(loss, *updates, name="wired")


def write(path, message):
    with open(path, "wb") as file, gzip.GzipFile(fileobj=file, mode="wb", mtime=0, filename="") as packed:
        packed.write(message.SerializeToString(deterministic=True))


def main(folder):
    if tf.__version__.startswith("1."):
        tf.logging.set_verbosity("ERROR")
        with tf.Graph().as_default() as graph:
            contrib()
            write(os.path.join(folder, "contrib.meta.gz"), tf.train.export_meta_graph(strip_default_attrs=True))
        name = "keras1"
    else:
        name = "keras2"
    with tf.Graph().as_default() as graph:
        keras()
        write(os.path.join(folder, f"{name}.pb.gz"), graph.as_graph_def())


if __name__ == "__main__":
    main(sys.argv[1])

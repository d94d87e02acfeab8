"""MetaGraphs as tfbn wrote them before its modules were arranged anew, for the test that such graphs train on.

    PYTHONPATH=. INTERPRETER tests/graph/data/make_meta_graphs.py FOLDER

writes meta_graph_v1.meta.gz and meta_graph_v2.meta.gz, with control flow v1 and v2. The files are to stay as they are:
users have such graphs, and what these name has to be found by every later tfbn. They were written under TensorFlow
2.12, the oldest, so that every version reads them.
"""

from __future__ import annotations

import gzip
import os
import sys

import tensorflow.compat.v1 as tf

import tfbn


def build():
    """Three layers of one input, each with a gradient that tfbn registers, their losses and a train op."""
    x = tf.placeholder(tf.float32, [None, 3, 2, 5], name="x")
    is_training = tf.placeholder(tf.bool, [], name="is_training")
    weights = tf.placeholder(tf.float32, [None], name="weights")
    mask = tf.placeholder(tf.bool, [None], name="mask")
    losses = []
    for scope, arguments in (
        ("weighted", {"batch_weights": weights}),
        ("masked", {"mask": mask}),
        ("composed", {"fused": False}),
    ):
        outputs = tfbn.batch_norm(x, decay=0.8, scale=True, is_training=is_training, scope=scope, **arguments)
        losses.append(tf.reduce_mean((outputs - 0.5) ** 2 * outputs, name=f"{scope}_loss"))
    tf.train.GradientDescentOptimizer(0.1).minimize(tf.add_n(losses), name="train")


def main(folder):
    for version, switch in ((1, tf.disable_control_flow_v2), (2, tf.enable_control_flow_v2)):
        switch()
        with tf.Graph().as_default():
            build()
            message = tf.train.export_meta_graph(strip_default_attrs=True)
        path = os.path.join(folder, f"meta_graph_v{version}.meta.gz")
        with open(path, "wb") as file, gzip.GzipFile(fileobj=file, mode="wb", mtime=0, filename="") as packed:
            packed.write(message.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main(sys.argv[1])

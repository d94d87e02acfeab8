"""A training graph by the original, for the tests that export it. Runs under TensorFlow 1.15.5:

    INTERPRETER tests/export/data/make_graphs.py FOLDER

writes contrib.meta.gz, the checkpoint contrib.data-00000-of-00001 and contrib.index after a few steps, and contrib.npz:
the images, and by the names of the networks what a session of the original makes of them in inference.
"""

from __future__ import annotations

import gzip
import os
import sys

import numpy as np
import tensorflow.compat.v1 as tf

# By the name of the network: the arguments of its layers, and whether is_training is a placeholder or True.
NETWORKS = {
    "collected": ({}, "placeholder"),
    "inline": ({"updates_collections": None}, "placeholder"),
    "inline_weights": ({"updates_collections": None, "batch_weights": "weights"}, "placeholder"),
    "weights": ({"batch_weights": "weights"}, "placeholder"),
    "inline_nonfused": ({"updates_collections": None, "fused": False, "scale": True}, "placeholder"),
    "renorm": ({"renorm": True, "scale": True}, "placeholder"),
    "debias": ({"zero_debias_moving_mean": True}, "placeholder"),
    "nchw": ({"fused": False, "data_format": "NCHW"}, "placeholder"),
    "variable": ({"updates_collections": None}, "variable"),
    "training": ({"scale": True}, "training"),
    "training_inline": ({"updates_collections": None}, "training"),
    "training_nonfused": ({"fused": False}, "training"),
    "training_frozen": ({"trainable": False}, "training"),
}


def network(name, images, weights, is_training, reuse):
    """A layer behind a convolution, and one on the means of the maps."""
    from tensorflow.contrib.layers import batch_norm

    arguments = dict(NETWORKS[name][0], decay=0.5)
    if "batch_weights" in arguments:
        arguments["batch_weights"] = weights
    nchw = arguments.get("data_format") == "NCHW"
    with tf.variable_scope(name, reuse=reuse):
        kernel = tf.get_variable("kernel", [3, 3, 3, 3], initializer=tf.random_normal_initializer(seed=1))
        hidden = tf.nn.conv2d(images, kernel, 1, "SAME")
        hidden = tf.transpose(hidden, [0, 3, 1, 2]) if nchw else hidden
        hidden = batch_norm(hidden, is_training=is_training, scope="first", **arguments)
        hidden = tf.nn.relu(tf.transpose(hidden, [0, 2, 3, 1]) if nchw else hidden)
        dense = dict(arguments, data_format="NHWC")
        return batch_norm(tf.reduce_mean(hidden, [1, 2]), is_training=is_training, scope="second", **dense)


def main(folder):
    tf.logging.set_verbosity("ERROR")
    random = np.random.RandomState(0)
    batch = random.normal(1.0, 2.0, [6, 4, 4, 3]).astype(np.float32)
    path = os.path.join(folder, "contrib")
    with tf.Graph().as_default():
        images = tf.placeholder(tf.float32, [None, 4, 4, 3], name="images")
        weights = tf.placeholder(tf.float32, [None], name="weights")
        placeholder = tf.placeholder(tf.bool, [], name="is_training")
        variable = tf.get_variable("training", initializer=True, trainable=False)
        modes = {"placeholder": placeholder, "variable": variable, "training": True}
        outputs = [
            tf.identity(network(name, images, weights, modes[mode], None), name=name + "/outputs")
            for name, (_, mode) in NETWORKS.items()
        ]
        loss = tf.add_n([tf.reduce_mean(tf.square(output - 1.0)) for output in outputs])
        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
            train_op = tf.train.GradientDescentOptimizer(0.01).minimize(loss)
        saver = tf.train.Saver()
        meta_graph = tf.train.export_meta_graph(saver_def=saver.as_saver_def(), strip_default_attrs=True)
        rebuilt = [network(name, images, weights, False, True) for name in NETWORKS]
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            for _ in range(5):
                fed = random.normal(1.0, 2.0, [6, 4, 4, 3]).astype(np.float32)
                session.run(train_op, {images: fed, weights: random.uniform(0.5, 1.5, 6), placeholder: True})
            session.run(variable.assign(False))
            saver.save(session, path, write_meta_graph=False, write_state=False)
            feeds = {images: batch, weights: np.ones(6), placeholder: False}
            found = {
                name: session.run(rebuilt[number] if mode == "training" else outputs[number], feeds)
                for number, (name, (_, mode)) in enumerate(NETWORKS.items())
            }
    np.savez_compressed(path + ".npz", images=batch, **found)
    with open(path + ".meta.gz", "wb") as file, gzip.GzipFile(fileobj=file, mode="wb", mtime=0, filename="") as packed:
        packed.write(meta_graph.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main(sys.argv[1])

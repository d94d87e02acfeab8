"""Trains or restores one small network, with the original or with tfbn: the two sides of a checkpoint exchange.

    python -m tests.parity.checkpoint_roundtrip original|tfbn train|infer FOLDER

For each of PATHS, `train` writes FOLDER/PATH.model; both restore it into a graph of their own and write the inference
outputs it gives. Runs on Python 3.7.
"""

from __future__ import annotations

import os
import sys

import numpy as np

CONTRIB = {
    "core_fused": {},
    "core_nonfused": {"fused": False},
    "renorm": {"renorm": True},
    "function_fused": {"updates_collections": "updates"},
    "zero_debias": {"zero_debias_moving_mean": True},
    "legacy": {"batch_weights": np.linspace(0.5, 2.0, 6).astype(np.float32)},
}
LAYERS = {
    "layers_fused": {},
    "layers_nonfused": {"fused": False},
    "layers_renorm": {"renorm": True},
    "layers_several_axes": {"axis": [1, 3]},
    "layers_virtual": {"virtual_batch_size": 3},
    "layers_virtual_renorm": {"virtual_batch_size": 2, "renorm": True},
}
PATHS = [*CONTRIB, *LAYERS]


def batch(seed):
    random = np.random.RandomState(seed)
    return (random.standard_normal([6, 4, 4, 3]) * [0.5, 1.0, 3.0] + [2.0, -1.0, 4.0]).astype(np.float32)


def contrib(batch_norm, kwargs):
    """Contrib's function with the arguments of a path, in terms that both functions share."""

    def normalize(x, training, name=None, alone=False):
        own = {} if alone else kwargs
        return batch_norm(x, decay=0.8, scale=name == "first", is_training=training, scope=name, **own)

    return normalize


def layers(batch_normalization, kwargs):
    def normalize(x, training, name=None, alone=False):
        return batch_normalization(x, momentum=0.8, training=training, name=name, **({} if alone else kwargs))

    return normalize


def build(tf, normalize, training):
    """Two layers around a convolution, and a rank-2 layer at the end, which takes another path."""
    x = tf.placeholder(tf.float32, [None, 4, 4, 3], name="x")
    y = normalize(x, training, name="first")
    kernel = tf.get_variable("kernel", [3, 3, 3, 5])
    y = normalize(tf.nn.conv2d(y, kernel, [1, 1, 1, 1], "SAME"), training)
    return normalize(tf.reduce_mean(tf.nn.relu(y), [1, 2]), training, name="last", alone=True)


def main(side, action, folder):
    import tensorflow.compat.v1 as tf

    if side == "original":
        from tensorflow.contrib.layers import batch_norm

        batch_normalization = tf.layers.batch_normalization
    else:
        tf.disable_v2_behavior()
        from tfbn import batch_norm, batch_normalization
    ways = {path: contrib(batch_norm, kwargs) for path, kwargs in CONTRIB.items()}
    ways.update({path: layers(batch_normalization, kwargs) for path, kwargs in LAYERS.items()})
    for number, (path, normalize) in enumerate(ways.items()):
        # Half of the paths are written with ref variables and read with resources, the other half the other way round.
        as_resource = (number % 2 == 0) == (action == "train")
        (tf.enable_resource_variables if as_resource else tf.disable_resource_variables)()
        model = os.path.join(folder, path + ".model")
        if action == "train":
            train(tf, normalize, model)
        np.save(os.path.join(folder, f"{path}.{side}.npy"), infer(tf, normalize, model))


def train(tf, normalize, model):
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(3)
        y = build(tf, normalize, True)
        loss = tf.reduce_mean(tf.square(y - np.linspace(-1, 1, 5)))
        updates = tf.get_collection("updates") + tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        step = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
        session.run(tf.global_variables_initializer())
        for seed in range(3):
            session.run([step, updates], {"x:0": batch(seed)})
        tf.train.Saver().save(session, model)


def infer(tf, normalize, model):
    with tf.Graph().as_default(), tf.Session() as session:
        y = build(tf, normalize, False)
        tf.train.Saver().restore(session, model)
        return session.run(y, {"x:0": batch(9)})


if __name__ == "__main__":
    main(*sys.argv[1:])

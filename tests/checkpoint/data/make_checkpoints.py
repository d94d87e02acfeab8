"""Checkpoints of the original, for the tests of tfbn.checkpoint. Runs under TensorFlow 1.15.5:

    INTERPRETER tests/checkpoint/data/make_checkpoints.py FOLDER

writes, for each network below, NAME.index and NAME.data-00000-of-00001 (NAME alone in the V1 format), and expected.npz:
the inputs, and by name the outputs in inference and those after one more step of gradient descent.
"""

from __future__ import annotations

import os
import sys

import numpy as np
import tensorflow.compat.v1 as tf

STEPS = 20
DECAY = 0.9
RATE = 0.1


def contrib(inputs, is_training, **arguments):
    from tensorflow.contrib.layers import batch_norm

    return batch_norm(inputs, decay=DECAY, is_training=is_training, **arguments)


def layers(inputs, is_training, **arguments):
    return tf.layers.batch_normalization(inputs, momentum=DECAY, training=is_training, **arguments)


NETWORKS = {
    "contrib": (contrib, {"scale": True}),
    "contrib_v1": (contrib, {"scale": True}),
    "no_scale": (contrib, {}),
    "renorm": (contrib, {"scale": True, "renorm": True, "renorm_decay": DECAY}),
    "zero_debias": (contrib, {"scale": True, "zero_debias_moving_mean": True}),
    "layers": (layers, {}),
    "layers_renorm": (layers, {"renorm": True, "renorm_momentum": DECAY}),
    "virtual_batch": (layers, {"virtual_batch_size": 4}),
}


def build(normalize, arguments, is_training, inputs, partitions):
    net = inputs
    for scope, (channels_in, channels_out) in (("first", (3, 4)), ("second", (4, 2))):
        with tf.variable_scope(scope):
            # Partitioned as on parameter servers, which the V1 format keeps in parts.
            partitioner = tf.fixed_size_partitioner(2, axis=3) if partitions else None
            shape = [1, 1, channels_in, channels_out]
            weights = tf.convert_to_tensor(tf.get_variable("weights", shape, partitioner=partitioner))
            net = normalize(tf.nn.conv2d(net, weights, 1, "SAME"), is_training, **arguments)
            net = tf.nn.relu(net) if scope == "first" else net
    return net


def train(name, folder, inputs):
    normalize, arguments = NETWORKS[name]
    v1 = name.endswith("_v1")
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(5)
        given = tf.placeholder(tf.float32, inputs.shape)
        with tf.variable_scope(tf.get_variable_scope()):
            outputs = build(normalize, arguments, True, given, v1)
        with tf.variable_scope(tf.get_variable_scope(), reuse=True):
            inferred = build(normalize, arguments, False, given, v1)
        loss = tf.reduce_mean(tf.square(outputs - 1))
        step = tf.train.get_or_create_global_step()
        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
            train_op = tf.train.MomentumOptimizer(RATE, 0.5).minimize(loss, step)
            one_more = tf.train.GradientDescentOptimizer(RATE).minimize(loss)
        averages = tf.train.ExponentialMovingAverage(DECAY)
        with tf.control_dependencies([train_op]):
            averaged = averages.apply() if name == "contrib" else tf.no_op()
        session.run(tf.global_variables_initializer())
        rng = np.random.RandomState(7)
        for _ in range(STEPS):
            session.run(averaged if name == "contrib" else train_op, {given: inputs + rng.normal(size=inputs.shape)})
        version = tf.train.SaverDef.V1 if v1 else tf.train.SaverDef.V2
        saver = tf.train.Saver(write_version=version)
        saver.save(session, os.path.join(folder, name), write_meta_graph=False, write_state=False)
        found = {f"{name}_before": session.run(inferred, {given: inputs})}
        session.run(one_more, {given: inputs})
        found[f"{name}_after"] = session.run(inferred, {given: inputs})
        return found


def main(folder):
    tf.logging.set_verbosity("ERROR")
    inputs = np.random.RandomState(3).normal(2.0, 3.0, [8, 2, 2, 3]).astype(np.float32)
    expected = {"inputs": inputs}
    for name in NETWORKS:
        expected.update(train(name, folder, inputs))
    np.savez(os.path.join(folder, "expected.npz"), **expected)


if __name__ == "__main__":
    main(sys.argv[1])

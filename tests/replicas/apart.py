"""Layers that are not synchronized, by tfbn or, on TensorFlow 1.15, by the original: `python apart.py CHECKPOINT`.

Prints what a Saver saves after a step of two replicas, by the variables' names. Keeps to Python 3.7.
"""

import json
import sys

import numpy as np
import tensorflow as tf

ORIGINAL = tf.__version__.startswith("1.")
if ORIGINAL:
    from tensorflow.contrib.layers import batch_norm

    distribute = tf.distribute
else:
    from tfbn import batch_norm

    distribute, tf = tf.distribute, tf.compat.v1


def main(checkpoint):
    # Its name in both versions.
    config = tf.config.experimental
    (cpu,) = config.list_physical_devices("CPU")
    config.set_virtual_device_configuration(cpu, [config.VirtualDeviceConfiguration()] * 2)
    with tf.Graph().as_default():
        train(checkpoint)
    reader = tf.train.load_checkpoint(checkpoint)
    print(json.dumps({name: reader.get_tensor(name).tolist() for name in reader.get_variable_to_shape_map()}))


def train(checkpoint):
    x = np.random.RandomState(0).normal(3.0, 2.0, [11, 4, 4, 3])
    shares = [tf.constant(share, tf.float32) for share in np.split(x, [7])]
    strategy = distribute.MirroredStrategy(["CPU:0", "CPU:1"])

    def replica():
        index = distribute.get_replica_context().replica_id_in_sync_group
        share = shares[int(tf.contrib.util.constant_value(index) if ORIGINAL else tf.get_static_value(index))]
        batch_norm(share, decay=0.5, scope="core")
        batch_norm(share, decay=0.5, scope="renorm", renorm=True)
        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
            return tf.constant(1.0)

    with strategy.scope():
        done = (strategy.experimental_run_v2 if ORIGINAL else strategy.run)(replica)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(strategy.experimental_local_results(done))
        tf.train.Saver().save(session, checkpoint, write_meta_graph=False)


if __name__ == "__main__":
    main(sys.argv[1])

"""A TF1 model, as a program in a graph and for `TF1Module`."""

import numpy as np
import tensorflow as tf

import tfbn
from tests.graph.regimes import graph

tf1 = tf.compat.v1
RANDOM = np.random.RandomState(17)
IMAGES = (RANDOM.standard_normal((6, 5, 4, 3)) * 2.0 + 1.5).astype(np.float32)
BATCHES = (RANDOM.standard_normal((8, 6, 5, 4, 3)) * 2.0 + 1.5).astype(np.float32)
TARGETS = RANDOM.standard_normal((8, 6, 2)).astype(np.float32)
OPTIONS = {
    "default": {},
    "inline": {"updates_collections": None},
    "composed": {"fused": False},
    "renorm": {"renorm": True, "renorm_clipping": {"rmin": 0.5, "rmax": 2.0, "dmax": 1.0}},
    "zero debias": {"zero_debias_moving_mean": True},
    "weights": {"batch_weights": np.linspace(0.5, 1.5, 6).astype(np.float32), "param_regularizers": None},
}


def l2(scale):
    return lambda variable: scale * tf.reduce_sum(variable**2)


def model(images, is_training, **options):
    """Two blocks, one normalized as contrib does, one as tf.layers does, and a dense layer in partitions."""
    with (
        tfbn.arg_scope(
            [tfbn.batch_norm], decay=0.7, scale=True, is_training=is_training, param_regularizers={"gamma": l2(0.01)}
        ),
        tf1.variable_scope("net", regularizer=l2(0.02)),
    ):
        filters = tf1.get_variable("filters", [3, 3, 3, 4], initializer=tf1.variance_scaling_initializer(seed=5))
        net = tfbn.batch_norm(tf.nn.conv2d(images, filters, 1, "SAME"), activation_fn=tf.nn.relu, **options)
        net = tfbn.batch_norm(net)
        with tf1.variable_scope("block"):
            net = tfbn.batch_normalization(net, training=is_training, momentum=0.6)
        with tf1.variable_scope("dense", partitioner=tf1.fixed_size_partitioner(2)):
            weights = tf1.get_variable("weights", [4, 2], initializer=tf1.truncated_normal_initializer(seed=6))
        return tf.matmul(tf.reduce_mean(net, [1, 2]), weights)


def reduced(outputs, targets, losses):
    return tf.reduce_mean((outputs - targets) ** 2) + tf.add_n(losses)


class Program:
    """The graph program in a session of its own, after one step of training."""

    def __init__(self, **options):
        with graph() as self.graph:
            self.images, self.targets = tf1.placeholder(tf.float32, [None, 5, 4, 3]), tf1.placeholder(tf.float32)
            self.is_training = tf1.placeholder(tf.bool, [])
            self.outputs = model(self.images, self.is_training, **options)
            loss = reduced(self.outputs, self.targets, tf1.losses.get_regularization_losses())
            gradients = tf.gradients(loss, tf1.trainable_variables())
            self.updates = tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)
            # All gradients are of the weights as they were.
            with tf.control_dependencies([*gradients, *self.updates]):
                steps = [v.assign_sub(0.1 * gradient) for v, gradient in zip(tf1.trainable_variables(), gradients)]
            self.train_op, self.saver = tf.group(*steps), tf1.train.Saver()
            self.variables = {v.op.name: v for v in tf1.global_variables()}
            self.session = tf1.Session()
            self.session.run(tf1.global_variables_initializer())
        self.run(self.train_op, IMAGES, True, TARGETS[0])

    def run(self, fetches, images, is_training, targets=0.0):
        feeds = {self.images: images, self.is_training: is_training, self.targets: targets}
        return self.session.run(fetches, feeds)

    def state(self):
        return self.session.run(self.variables)

    def save(self, path):
        with self.graph.as_default():
            return self.saver.save(self.session, str(path))

    def restore(self, path):
        with self.graph.as_default():
            self.saver.restore(self.session, str(path))


def state(module):
    return {name: variable.numpy() for name, variable in module.tf1_variables.items()}


def check_same(found, expected, **tolerance):
    assert list(found) == list(expected)  # in the order of creation
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, err_msg=name, **tolerance)

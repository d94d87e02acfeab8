"""Small networks and steps that the audits are tried on."""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.graph.regimes import NAMES, REGIMES

tf1 = tf.compat.v1
every_regime = pytest.mark.parametrize("resource, v2", REGIMES, ids=NAMES)


def images(name="images"):
    return tf1.placeholder(tf.float32, [None, 4, 4, 3], name=name)


def dense(x, scope, units=1):
    with tf1.variable_scope(scope, reuse=tf1.AUTO_REUSE):
        size = int(np.prod(x.shape.as_list()[1:]))
        return tf.matmul(tf.reshape(x, [-1, size]), tf1.get_variable("weights", [size, units]))


def network(x, scope="net", **kwargs):
    """Two layers, `net/a` and `net/b`, and the logits."""
    with tf1.variable_scope(scope, reuse=tf1.AUTO_REUSE):
        x = tfbn.batch_norm(x, scope="a", **kwargs)
        return dense(tfbn.batch_norm(tf.nn.relu(x), scope="b", **kwargs), "logits")


def loss_of(logits):
    return tf.reduce_mean(tf.square(logits - 1.0))


def adam():
    return tf1.train.AdamOptimizer(0.1)


def updates(scope=None):
    return tf1.get_collection(tf1.GraphKeys.UPDATE_OPS, scope)


def wired(loss, update_ops, **kwargs):
    with tf.control_dependencies(update_ops):
        return adam().minimize(loss, **kwargs)


def kinds(fetches, **kwargs):
    """(kind, severity, layer) of what is found."""
    return [finding[:3] for finding in tfbn.check_updates(fetches, raise_on_error=False, **kwargs)]


def forgotten():
    """[1] TF#11965: UPDATE_OPS never run."""
    return adam().minimize(loss_of(network(images())))


# What is found of it.
BOTH_FORGOTTEN = [("not reached", "error", "net/a"), ("not reached", "error", "net/b")]

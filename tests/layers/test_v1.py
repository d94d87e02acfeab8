"""The functions of tf.layers beside each other; one by one they are compared in parity."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import tfbn
from tests.graph import regimes
from tfbn.layers import v1

IMAGES = np.random.RandomState(3).normal(1.0, 2.0, [8, 8, 8, 3]).astype(np.float32)


@pytest.mark.parametrize("resource", [False, True], ids=["ref", "resource"])
def test_a_network_trains(resource):
    """Names are counted by the kind of layer, and the loss falls."""
    with regimes.graph(resource), tf.Session() as session:
        net = v1.conv2d(tf.constant(IMAGES), 4, 3, use_bias=False, kernel_initializer=tf.glorot_uniform_initializer(1))
        net = tfbn.batch_normalization(net, training=True)
        net = v1.conv2d(tf.nn.relu(net), 4, 3, kernel_initializer=tf.glorot_uniform_initializer(2))
        net = v1.dropout(v1.flatten(v1.max_pooling2d(net, 2, 2)), 0.25, seed=1, training=True)
        outputs = v1.dense(net, 1, kernel_initializer=tf.glorot_uniform_initializer(3))
        names = [variable.op.name for variable in tf.trainable_variables()]
        assert names[:3] == ["conv2d/kernel", "batch_normalization/gamma", "batch_normalization/beta"]
        assert names[3:] == ["conv2d_1/kernel", "conv2d_1/bias", "dense/kernel", "dense/bias"]
        loss = tf.reduce_mean(tf.square(outputs - np.arange(8.0).reshape(8, 1)))
        train_op = tfbn.create_train_op(loss, tf.train.AdamOptimizer(0.02))
        session.run(tf.global_variables_initializer())
        losses = [session.run(train_op) for _ in range(40)]
        assert np.mean(losses[-5:]) < 0.5 * losses[0]


def test_scopes_of_tfbn_layers_are_not_for_v1():
    """tf.layers take no arguments from an arg_scope."""
    assert not any(tfbn.has_arg_scope(getattr(v1, name)) for name in v1.__all__)


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda x: v1.dense(x, 0), "units: expected a positive integer, got 0"),
        (lambda x: v1.conv2d(x, 2, 3, data_format="NHWC"), "contrib's names NCHW and NHWC are for tfbn.layers itself"),
        (lambda x: v1.conv2d(x, 2, 9), "Negative dimension size"),
        (lambda x: v1.conv2d_transpose(tf.zeros([2, 3]), 2, 3), "expected ndim=4, found ndim=2"),
        (lambda x: v1.max_pooling2d(x, 2, None), "Argument `strides` must not be None"),
        (lambda x: v1.max_pooling3d(x, 2, 2), "expected ndim=5, found ndim=4"),
        (lambda x: v1.separable_conv2d(x, 2, 3, strides=(1, 2)), "expected one stride for both axes"),
        (lambda x: v1.conv1d(x, 2, 3), "expected ndim=3, found ndim=4"),
        (lambda x: v1.separable_conv1d(x, 2, 3), "expected ndim=3, found ndim=4"),
        (lambda x: v1.conv3d_transpose(x, 2, (1, 2)), "must be a tuple of 3 integers"),
        (lambda x: v1.SeparableConv2D(0, 3)(x), "filters: expected a positive integer, got 0"),
        (lambda x: v1.MaxPooling3D(2, None)(x), "Argument `strides` must not be None"),
        (lambda x: v1.Flatten("NHWC")(x), "contrib's names NCHW and NHWC are for tfbn.layers itself"),
        (lambda x: v1.Dropout()(x, training=None), "training: expected a bool"),
        (lambda x: v1.flatten(tf.zeros([])), "expected min_ndim=1, found ndim=0"),
        (lambda x: v1.dropout(x, training=None), "training: expected a bool"),
    ],
)
def test_refused_before_a_variable_exists(call, text):
    with tf.Graph().as_default():
        with pytest.raises(ValueError, match=text):
            call(tf.constant(IMAGES))
        assert tf.global_variables() == []

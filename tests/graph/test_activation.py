"""The activation after a batch norm: tanh, whose fusion with both of its neighbours TensorFlow has no kernel for."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import tfbn
from tfbn.graph.activation import activate

BATCH = np.random.RandomState(0).normal(1.0, 2.0, [2, 6, 6, 3]).astype(np.float32)


@pytest.mark.parametrize("of", ["layer", "batch_norm"])
@pytest.mark.parametrize("activation_fn", [tf.tanh, tf.nn.tanh, tf.nn.relu], ids=["tanh", "nn.tanh", "relu"])
def test_tanh_after_batch_norm_runs_in_inference(of, activation_fn):
    """In a session, where the graph optimizer fuses; the numbers are those of the composed ops."""
    with tf.Graph().as_default(), tf.Session() as session:
        images = tf.placeholder(tf.float32, [None, 6, 6, 3])
        kernel = tf.get_variable("kernel", [3, 3, 3, 4], initializer=tf.random_normal_initializer(seed=1))
        options = {"is_training": False, "activation_fn": activation_fn}
        if of == "layer":
            initializer = tf.random_normal_initializer(seed=1)
            inner = {"normalizer_fn": tfbn.batch_norm, "normalizer_params": {"is_training": False}}
            outputs = tfbn.layers.conv2d(
                images, 4, 3, weights_initializer=initializer, activation_fn=activation_fn, **inner
            )
            kernel = tf.global_variables("Conv/weights")[0]
        else:
            outputs = tfbn.batch_norm(tf.nn.conv2d(images, kernel, 1, "SAME"), **options)
        expected = activation_fn(tf.nn.conv2d(images, kernel, 1, "SAME") / np.sqrt(1.001))
        session.run(tf.global_variables_initializer())
        # A convolution of 27 terms of order one, by two kernels.
        np.testing.assert_allclose(*session.run([outputs, expected], {images: BATCH}), rtol=0, atol=1e-5)


def test_shape_dtype_and_gradient_are_kept():
    """What stands between changes nothing."""
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [None, 3])
        y = activate(x, tf.tanh)
        (gradient,) = tf.gradients(y, [x])
        assert y.shape.as_list() == [None, 3]
        batch = BATCH.reshape(-1, 3)
        found = session.run([y, gradient], {x: batch})
        np.testing.assert_allclose(found[0], np.tanh(batch), rtol=1e-5)
        np.testing.assert_allclose(found[1], 1 - np.tanh(batch) ** 2, rtol=0, atol=1e-6)


def test_none_is_no_op():
    with tf.Graph().as_default():
        x = tf.zeros([2])
        assert activate(x, None) is x

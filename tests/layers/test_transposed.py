"""The transposed convolution is the gradient of the convolution, wherever the channels are."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from tfbn import layers

VALUES = np.random.RandomState(4).normal(1.0, 2.0, [2, 4, 3, 5]).astype(np.float32)


@pytest.mark.parametrize("padding, size", [("SAME", (8, 6)), ("VALID", (9, 7))])
@pytest.mark.parametrize("data_format", ["NHWC", "NCHW"])
def test_is_the_gradient_of_a_convolution(padding, size, data_format):
    """Of one with the same kernel, from what comes in here to what came in there."""
    with tf.Graph().as_default(), tf.Session() as session:
        inputs = tf.placeholder(tf.float32, [None, None, None, 5])
        first = data_format == "NCHW"
        placed = tf.transpose(inputs, [0, 3, 1, 2]) if first else inputs
        options = {"activation_fn": None, "data_format": data_format, "scope": "up"}
        outputs = layers.conv2d_transpose(placed, 4, 3, 2, padding, **options)
        assert outputs.shape.as_list() == ([None, 4, None, None] if first else [None, None, None, 4])
        outputs = tf.transpose(outputs, [0, 2, 3, 1]) if first else outputs
        images = tf.zeros([2, *size, 4])
        kernel = tf.global_variables("up/weights")[0]
        convolved = tf.nn.conv2d(images, kernel, strides=2, padding=padding)
        (gradient,) = tf.gradients(convolved, [images], grad_ys=[tf.constant(VALUES)])
        session.run(tf.global_variables_initializer())
        found, expected = session.run([outputs, gradient], {inputs: VALUES})
    # One kernel does both; another layout adds its 45 terms up in another order.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert np.abs(expected).max() > 1


@pytest.mark.parametrize("padding, size", [("same", (4, 6, 4)), ("valid", (5, 7, 5))])
@pytest.mark.parametrize("order", ["channels_last", "channels_first"])
def test_volumes(padding, size, order):
    """The gradient of a convolution of volumes; with channels first also where the original has no kernel."""
    volumes = np.random.RandomState(5).normal(1.0, 2.0, [2, 2, 3, 2, 5]).astype(np.float32)
    places = [0, 4, 1, 2, 3] if order == "channels_first" else range(5)
    with tf.Graph().as_default(), tf.Session() as session:
        outputs = layers.v1.conv3d_transpose(
            tf.constant(volumes.transpose(places)), 4, 3, 2, padding, order, use_bias=False, name="up"
        )
        results = tf.zeros([2, *size, 4])
        convolved = tf.nn.conv3d(
            results, tf.global_variables("up/kernel")[0], strides=[1, 2, 2, 2, 1], padding=padding.upper()
        )
        (gradient,) = tf.gradients(convolved, [results], grad_ys=[tf.constant(volumes)])
        session.run(tf.global_variables_initializer())
        found, expected = session.run([outputs, gradient])
    np.testing.assert_allclose(found, expected.transpose(places), rtol=0, atol=1e-5)
    assert np.abs(expected).max() > 1

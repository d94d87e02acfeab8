"""A separable convolution is two convolutions, of which the second may be left out."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from tfbn import layers

IMAGES = np.random.RandomState(5).normal(1.0, 2.0, [2, 5, 4, 3]).astype(np.float32)


def test_is_a_depthwise_convolution_and_a_mixing():
    with tf.Graph().as_default(), tf.Session() as session:
        images = tf.constant(IMAGES)
        options = {"depth_multiplier": 2, "activation_fn": None, "biases_initializer": None}
        both = layers.separable_conv2d(images, 4, 3, scope="s", **options)
        alone = layers.separable_conv2d(images, None, 3, scope="s", reuse=True, **options)
        mixing = tf.global_variables("s/pointwise_weights")[0]
        assert mixing.shape.as_list() == [1, 1, 6, 4]
        session.run(tf.global_variables_initializer())
        found, expected = session.run([both, tf.tensordot(alone, mixing[0, 0], 1)])
    # Six products of order one, by two kernels.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "given, text",
    [
        ({"stride": [1, 2]}, "strides: expected one stride for both axes, got"),
        ({"depth_multiplier": 0}, "depth_multiplier: expected a positive integer"),
        ({"data_format": "channels_last"}, "data_format has to be either NCHW or NHWC"),
    ],
)
def test_refused_before_a_variable_exists(given, text):
    with tf.Graph().as_default():
        with pytest.raises(ValueError, match=text):
            layers.separable_conv2d(tf.constant(IMAGES), 4, 3, **given)
        assert tf.global_variables() == []

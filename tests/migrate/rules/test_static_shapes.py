"""What the rule says of TensorFlow 2."""

from __future__ import annotations

import pytest
import tensorflow.compat.v1 as tf


def test_reshape_to_the_shape_of_a_transposed_convolution_fails():
    """Where the batch size of the inputs is unknown; its advice does not."""
    with tf.Graph().as_default():
        shape = [4, 8, 8, 3]
        deconv = tf.nn.conv2d_transpose(tf.placeholder(tf.float32, [None, 4, 4, 2]), tf.zeros([5, 5, 3, 2]), shape, 2)
        with pytest.raises((TypeError, ValueError), match="partially known TensorShape"):
            tf.reshape(deconv, deconv.get_shape())
        assert tf.reshape(deconv, shape).shape.as_list() == shape
        deconv = tf.nn.conv2d_transpose(tf.zeros([4, 4, 4, 2]), tf.zeros([5, 5, 3, 2]), shape, 2)
        assert tf.reshape(deconv, deconv.get_shape()).shape.as_list() == shape

"""The dense layer multiplies the last axis."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from tfbn import layers

VALUES = np.random.RandomState(7).normal(1.0, 2.0, [2, 3, 4, 5])


@pytest.mark.parametrize("rank", [2, 3, 4])
def test_of_any_rank(rank):
    values = VALUES[(0,) * (4 - rank)]
    with tf.Graph().as_default(), tf.Session() as session:
        outputs = layers.fully_connected(tf.constant(values), 3, activation_fn=None, biases_initializer="ones")
        session.run(tf.global_variables_initializer())
        kernel, found = session.run([tf.global_variables("fully_connected/weights")[0], outputs])
    # Five products in float64.
    np.testing.assert_allclose(found, values @ kernel + 1.0, rtol=1e-12)


@pytest.mark.parametrize("num_outputs", [True, 3.0, "3", 0])
def test_only_a_positive_int_is_a_number_of_outputs(num_outputs):
    with tf.Graph().as_default(), pytest.raises(ValueError, match="num_outputs"):
        layers.fully_connected(tf.zeros([2, 5]), num_outputs)

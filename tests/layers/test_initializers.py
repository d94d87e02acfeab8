"""The initializers have the variance and the bounds that their docstrings state; numbers of seeds are in parity."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from tfbn import layers

SHAPE = [3, 2, 40, 60]
CONNECTIONS = {"FAN_IN": 6 * 40, "FAN_OUT": 6 * 60, "FAN_AVG": 6 * 50}


@pytest.mark.parametrize("mode", CONNECTIONS)
@pytest.mark.parametrize("uniform", [True, False])
def test_variance(mode, uniform):
    """Of 14,400 numbers: four standard errors of the variance are at most 5 per cent.

    The 1.3 of the truncated normal is a rounded one, and another 1 per cent off.
    """
    factor = 1.7
    with tf.Graph().as_default(), tf.Session() as session:
        make = layers.variance_scaling_initializer(factor, mode, uniform, seed=1)
        values = session.run(make(SHAPE))
    assert abs(values.var() * CONNECTIONS[mode] / factor - 1) < 0.06
    if uniform:
        assert 0.99 < np.abs(values).max() / np.sqrt(3 * factor / CONNECTIONS[mode]) <= 1


def test_xavier_is_the_mean_of_both():
    assert layers.xavier_initializer is layers.xavier_initializer_conv2d
    with tf.Graph().as_default(), tf.Session() as session:
        other = layers.variance_scaling_initializer(1.0, "FAN_AVG", True, seed=2)
        found, expected = session.run([layers.xavier_initializer(seed=2)(SHAPE), other(SHAPE)])
    assert np.array_equal(found, expected)

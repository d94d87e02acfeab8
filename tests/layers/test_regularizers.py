"""The regularizers against NumPy; their names and errors are compared in parity."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from tests.graph import regimes
from tfbn import layers

VALUES = np.random.RandomState(8).normal(0.5, 2.0, [4, 5])
L1, L2 = np.abs(VALUES).sum(), (VALUES**2).sum() / 2


@pytest.mark.parametrize("resource", [False, True], ids=["ref", "resource"])
@pytest.mark.parametrize(
    "regularizer, expected",
    [
        (layers.l1_regularizer(0.3), 0.3 * L1),
        (layers.l2_regularizer(0.3), 0.3 * L2),
        (layers.l1_l2_regularizer(0.3, 0.7), 0.3 * L1 + 0.7 * L2),
        (layers.l1_l2_regularizer(0.0, 0.7), 0.7 * L2),
    ],
)
def test_of_a_variable(regularizer, expected, resource):
    """In the dtype of the variable, and collected by get_variable."""
    with regimes.graph(resource):
        tf.get_variable("v", initializer=tf.constant(VALUES), regularizer=regularizer)
        (loss,) = tf.losses.get_regularization_losses()
        with regimes.session() as session:
            # A sum of twenty numbers in float64.
            np.testing.assert_allclose(session.run(loss), expected, rtol=1e-13)


def test_zero_adds_no_loss():
    with tf.Graph().as_default():
        tf.get_variable("v", [], regularizer=layers.l2_regularizer(0.0))
        assert tf.losses.get_regularization_losses() == []

"""The pooling of replicas' moments, with one replica; with several: tests/replicas."""

import numpy as np
import pytest
import tensorflow as tf

from tests import oracle
from tfbn.ops import moments, replicas
from tfbn.ops.layout import layout_of

X = tf.constant(oracle.batch([6, 3, 5]), tf.float32)


@pytest.mark.parametrize("weighted", [False, True])
def test_one_replica_pools_its_own(weighted):
    """To the last bit, in the shapes that they had."""
    layout = layout_of(X.shape, [2])
    weights = tf.reshape(tf.linspace(0.5, 2.0, 6), [6, 1, 1]) if weighted else None
    shares = moments.weigh_samples(X, weights, layout)
    own = moments.weighted_moments(X, shares, layout)
    pooled = replicas.pool(own, shares)
    assert pooled.shares.weights is weights
    for one, other in zip((*own, shares.total), (*pooled.moments, pooled.shares.total)):
        np.testing.assert_array_equal(one, other)
        assert one.shape == other.shape


def test_sums_keep_shapes():
    values = [tf.constant([[1.0, 2.0]]), tf.constant([3.0, 4.0, 5.0])]
    for one, other in zip(values, replicas.sum_over_replicas(*values)):
        np.testing.assert_array_equal(one, other)
        assert one.shape == other.shape


def test_beside_replicas():
    """In cross-replica context, where a tape may have been taken out to."""
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        with pytest.raises(RuntimeError, match="Open the GradientTape within that function"):
            replicas.sum_over_replicas(tf.constant([1.0]))

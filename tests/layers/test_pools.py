"""Pooling of numbers that can be pooled by hand."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from tfbn import layers

VALUES = np.random.RandomState(6).normal(-2.0, 1.0, [2, 4, 6, 3]).astype(np.float32)
BLOCKS = VALUES.reshape(2, 2, 2, 3, 2, 3)


@pytest.mark.parametrize(
    "pool, expected",
    [
        (lambda x: layers.max_pool2d(x, 2), BLOCKS.max((2, 4))),
        (lambda x: layers.avg_pool2d(x, [2, 2]), BLOCKS.mean((2, 4))),
        (lambda x: layers.max_pool3d(x[:, None], [1, 2, 2], [1, 2, 2])[:, 0], BLOCKS.max((2, 4))),
        (lambda x: layers.avg_pool3d(x[..., None], [2, 2, 1], [2, 2, 1])[..., 0], BLOCKS.mean((2, 4))),
        (lambda x: layers.v1.max_pooling2d(x, 2, (2, 2)), BLOCKS.max((2, 4))),
        (lambda x: layers.v1.average_pooling2d(x, 2, 2), BLOCKS.mean((2, 4))),
        (lambda x: layers.v1.max_pooling1d(x[:, 0], 2, 2), BLOCKS[:, 0, 0].max(2)),
        (lambda x: layers.v1.average_pooling1d(x[:, 0], 2, 2), BLOCKS[:, 0, 0].mean(2)),
        (lambda x: layers.v1.max_pooling3d(x[:, None], (1, 2, 2), (1, 2, 2))[:, 0], BLOCKS.max((2, 4))),
        (lambda x: layers.v1.average_pooling3d(x[:, None], (1, 2, 2), (1, 2, 2))[:, 0], BLOCKS.mean((2, 4))),
    ],
)
def test_of_blocks(pool, expected):
    with tf.Graph().as_default(), tf.Session() as session:
        # A sum of four numbers in float32.
        np.testing.assert_allclose(session.run(pool(tf.constant(VALUES))), expected, rtol=1e-6)


def test_padding_does_not_count_in_the_mean():
    with tf.Graph().as_default(), tf.Session() as session:
        found = session.run(layers.avg_pool2d(tf.constant(VALUES[:, :3]), [2, 1], stride=[2, 1], padding="SAME"))
    np.testing.assert_allclose(found[:, 1], VALUES[:, 2], rtol=1e-6)


def test_integers_may_be_pooled():
    with tf.Graph().as_default(), tf.Session() as session:
        found = session.run(layers.max_pool2d(tf.constant([[[[1], [7]], [[5], [2]]]]), 2))
    assert found.tolist() == [[[[7]]]]

"""Dropout, flattening and softmax: what comparing with the original does not show."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from tfbn import layers

VALUES = np.random.RandomState(2).normal(3.0, 1.0, [40, 50]).astype(np.float32)


@pytest.mark.parametrize("keep_prob", [0.25, 0.9])
def test_dropout_keeps_the_promised_share(keep_prob):
    """Without a seed, too; what is kept is scaled, and other values are kept in the next run."""
    with tf.Graph().as_default(), tf.Session() as session:
        outputs = layers.dropout(tf.constant(VALUES), keep_prob)
        first, second = session.run(outputs), session.run(outputs)
    kept = first != 0
    # 2,000 draws: four standard deviations of their mean are at most 0.045.
    assert abs(kept.mean() - keep_prob) < 0.045
    np.testing.assert_allclose(first[kept], VALUES[kept] / keep_prob, rtol=1e-6)
    assert (kept != (second != 0)).any()


def test_a_switch_is_fed():
    with tf.Graph().as_default(), tf.Session() as session:
        is_training = tf.placeholder(tf.bool, [])
        outputs = layers.dropout(tf.constant(VALUES), 0.5, is_training=is_training)
        assert np.array_equal(session.run(outputs, {is_training: False}), VALUES)
        assert (session.run(outputs, {is_training: True}) == 0).any()


def test_noise_shape_may_be_a_tensor():
    """Which the original cannot iterate over."""
    with tf.Graph().as_default(), tf.Session() as session:
        outputs = layers.dropout(tf.constant(VALUES), 0.5, noise_shape=tf.constant([40, 1]))
        rows = (session.run(outputs) == 0).sum(axis=1)
    assert set(rows) == {0, 50}


def test_flatten_takes_any_dtype():
    with tf.Graph().as_default(), tf.Session() as session:
        ids = np.arange(24).reshape(2, 3, 4)
        for outputs in (layers.flatten(tf.constant(ids)), layers.v1.flatten(tf.constant(ids))):
            assert np.array_equal(session.run(outputs), ids.reshape(2, 12))


def test_softmax_of_known_logits():
    """exp(0) : exp(log 3) is 1 : 3, whatever the axes before the last."""
    with tf.Graph().as_default(), tf.Session() as session:
        logits = np.broadcast_to(np.log([1.0, 3.0]), [2, 3, 2]).astype(np.float32)
        found = session.run(layers.softmax(tf.constant(logits)))
        np.testing.assert_allclose(found, np.broadcast_to([0.25, 0.75], [2, 3, 2]), rtol=1e-6)

"""Checkpoints into variables; what the original restores is compared in parity."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from tests.cli import attacks
from tests.graph import regimes
from tfbn import layers


@pytest.mark.parametrize("resource", [False, True], ids=["ref", "resource"])
def test_parts_of_a_partitioned_variable_are_not_missing(tmp_path, resource):
    """The original looks for each part by a name of its own, and leaves it as it was."""
    whole = np.random.default_rng(3).normal(2.0, 1.0, [5, 2]).astype(np.float32)
    with regimes.graph(resource), tf.Session() as session:
        session.run(tf.get_variable("net/weights", initializer=whole).initializer)
        path = tf.train.Saver().save(session, str(tmp_path / "model"))
    with regimes.graph(resource), tf.Session() as session:
        with tf.variable_scope("net", partitioner=tf.fixed_size_partitioner(2)):
            weights = tf.get_variable("weights", [5, 2])
        layers.assign_from_checkpoint_fn(path, list(weights), ignore_missing_vars=True)(session)
        np.testing.assert_array_equal(session.run(tf.convert_to_tensor(weights)), whole)


def test_a_missing_variable_is_named_before_anything_is_assigned(tmp_path):
    with tf.Graph().as_default(), tf.Session() as session:
        there = tf.get_variable("there", initializer=[1.0, 2.0])
        session.run(there.initializer)
        path = tf.train.Saver().save(session, str(tmp_path / "model"))
        absent = tf.get_variable("absent", [2])
        before = len(tf.get_default_graph().get_operations())
        with pytest.raises(ValueError, match=r"missing variable \[absent\].*ignore_missing_vars=True"):
            layers.assign_from_checkpoint(path, [there, absent])
        assert len(tf.get_default_graph().get_operations()) == before


@pytest.mark.parametrize(
    "restore",
    [
        lambda path: layers.assign_from_checkpoint(path, [tf.get_variable("bn/moving_mean", [3])]),
        lambda path: layers.assign_from_checkpoint_fn(path, [tf.get_variable("bn/moving_mean", [3])])(tf.Session()),
        lambda path: layers.assign_from_checkpoint_fn(path, [tf.get_variable("bn/moving_mean", [3])], True),
        lambda path: layers.init_from_checkpoint(path, {"bn/": "bn/"}),
    ],
    ids=["assign", "assign_fn", "assign_fn missing", "init"],
)
def test_an_index_that_would_end_the_process(restore, tmp_path):
    """It is refused before TensorFlow reads it."""
    attacks.odd_entry(lambda entry: setattr(entry, "dtype", 0))(tmp_path / "odd.index")
    with (
        tf.Graph().as_default(),
        pytest.raises(ValueError, match="of 'bn/moving_mean' that its dtype is number 0"),
    ):
        restore(str(tmp_path / "odd"))

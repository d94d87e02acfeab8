"""Steps of one file that run no updates; of several files, see test_wiring.py."""

from __future__ import annotations

import pytest

from tests.migrate.helpers import findings

PROGRAM = """\
import tensorflow.compat.v1 as tf
from tensorflow.contrib import slim
y = {layer}
{more}
step = optimizer.{step}
"""


@pytest.mark.parametrize(
    ("layer", "reported"),
    [
        ("slim.batch_norm(x)", True),
        ("slim.batch_norm(x, is_training=phase)", True),
        ("slim.conv2d(x, 3, 3, normalizer_fn=slim.batch_norm)", True),
        ("tf.layers.batch_normalization(x, training=phase)", True),
        ("tf.layers.BatchNormalization()(x, training=True)", True),
        ("slim.batch_norm(x, is_training=False)", False),
        ("slim.batch_norm(x, updates_collections=None)", False),
        ("slim.conv2d(x, 3, normalizer_fn=slim.batch_norm, normalizer_params={'updates_collections': None})", False),
        ("tf.layers.batch_normalization(x)", False),
        ("tf.layers.batch_normalization(x, training=False)", False),
        ("slim.conv2d(x, 3, 3)", False),
    ],
)
@pytest.mark.parametrize("step", ["minimize(loss)", "apply_gradients(pairs)"])
def test_which_layers_have_updates(layer, reported, step):
    """Those in training whose updates go to a collection."""
    found = findings(PROGRAM.format(layer=layer, more="", step=step), only=["updates-not-wired"])
    assert found == ([("updates-not-wired", 5)] if reported else [])


@pytest.mark.parametrize(
    ("more", "reported"),
    [
        ("ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)", False),
        ("ops = tf.get_collection('update_ops')", False),
        ("slim.learning.create_train_op(loss, optimizer)", False),
        ("ops = tfbn.get_updates()", False),
        ("params = {'updates_collections': None}", False),
        ("params = dict(updates_collections = None)", False),
        ("params = {'updates_collections': tf.GraphKeys.UPDATE_OPS}", True),
        ("params = dict(updates_collections='update_ops')", True),
        ("ops = tf.get_collection(tf.GraphKeys.LOSSES)", True),
    ],
)
def test_what_counts_as_wiring(more, reported):
    """Reading the collection does; saying where the updates go does not."""
    found = findings(PROGRAM.format(layer="slim.batch_norm(x)", more=more, step="minimize(loss)"), skip=["v2-behavior"])
    assert found == ([("updates-not-wired", 5)] if reported else [])


def test_a_comment_is_no_step():
    """What looks like one to a scan is read as code before it is reported."""
    program = PROGRAM.format(layer="slim.batch_norm(x)", more="", step="variables()  # .minimize(loss)")
    assert findings(program, skip=["v2-behavior"]) == []

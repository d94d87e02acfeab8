"""Control dependencies that nothing waits for."""

from __future__ import annotations

import pytest

from tests.migrate.helpers import findings

PROGRAM = """\
import tensorflow.compat.v1 as tf
from tensorflow.contrib import slim
with tf.control_dependencies(ops){more}:
    {body}
step = optimizer.minimize(loss)
"""


@pytest.mark.parametrize(
    ("body", "reported"),
    [
        ("optimizer = tf.train.AdamOptimizer(0.1)", True),
        ("optimizer = tf.compat.v1.train.MomentumOptimizer(0.1, 0.9)", True),
        ("optimizer = tf.train.AdamOptimizer(0.1); gradients = optimizer.compute_gradients(loss)", True),
        ("step = tf.train.AdamOptimizer(0.1).minimize(loss)", False),
        ("optimizer = tf.train.AdamOptimizer(0.1); step = optimizer.apply_gradients(pairs)", False),
        ("step = slim.learning.create_train_op(loss, tf.train.AdamOptimizer(0.1))", False),
        ("optimizer = make(loss)", False),
    ],
)
@pytest.mark.parametrize("more", ["", ", tf.device('/cpu:0')"])
def test_reported(body, reported, more):
    """Where the constructor is in the block, and no step is."""
    found = findings(PROGRAM.format(body=body, more=more), only=["optimizer-dependencies"])
    assert found == ([("optimizer-dependencies", 4)] if reported else [])


def test_other_blocks():
    """A name scope is no dependency."""
    source = PROGRAM.format(body="optimizer = tf.train.AdamOptimizer(0.1)", more="")
    assert findings(source.replace("control_dependencies", "name_scope"), only=["optimizer-dependencies"]) == []

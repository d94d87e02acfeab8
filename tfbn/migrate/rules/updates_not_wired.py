"""A program that trains batch norm layers and never runs their update ops."""

from __future__ import annotations

from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Module
from tfbn.migrate.rule import Rule
from tfbn.migrate.sites import needs_updates, sites

NAME = "updates-not-wired"
BEFORE = AFTER = """\
import tensorflow.compat.v1 as tf
import tfbn

def step(images, is_training):
    loss = tf.reduce_mean(tfbn.batch_norm(images, is_training=is_training) ** 2)
    return tf.train.GradientDescentOptimizer(0.1).minimize(loss)
"""
MESSAGE = "this step trains batch norm layers, and nothing runs their update ops: moving statistics stay at 0 and 1"
ADVICE = "put it under `with tf.control_dependencies(tfbn.get_updates()):`, or use tfbn.create_train_op"


def check(module: Module, changes: Changes) -> None:
    """Only tells whether the file builds such layers: the step may be in another file (see wiring.py)."""
    changes.trains_batch_norm = any(needs_updates(module, site) for site in sites(module))


RULE = Rule(
    name=NAME,
    summary="reports minimize and apply_gradients where no update op of a batch norm layer is run",
    before=BEFORE,
    after=AFTER,
    check=check,
)

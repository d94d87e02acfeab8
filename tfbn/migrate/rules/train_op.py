"""`tf.contrib.training.create_train_op`."""

from __future__ import annotations

from functools import partial

from tfbn.migrate.rule import Rule, rename

BEFORE = """\
import tensorflow as tf

def step(loss):
    optimizer = tf.train.GradientDescentOptimizer(0.1)
    return tf.contrib.training.create_train_op(loss, optimizer)
"""

AFTER = """\
import tensorflow as tf
import tfbn

def step(loss):
    optimizer = tf.train.GradientDescentOptimizer(0.1)
    return tfbn.create_train_op(loss, optimizer)
"""

NAME = "train-op"
RULE = Rule(
    name=NAME,
    summary="renames create_train_op of tf.contrib.training to tfbn.create_train_op; its arguments stay",
    before=BEFORE,
    after=AFTER,
    check=partial(rename, rule=NAME),
)

"""`batch_norm` of contrib and slim: calls, and every other mention."""

from __future__ import annotations

from functools import partial

from tfbn.migrate.rule import Rule, rename

BEFORE = """\
import tensorflow as tf
import tensorflow.contrib.slim as slim

def head(images, is_training, normalizer_fn=slim.batch_norm):
    net = tf.contrib.layers.batch_norm(images, decay=0.9, is_training=is_training)
    return normalizer_fn(tf.nn.relu(net), is_training=is_training)
"""

AFTER = """\
import tensorflow as tf
import tfbn

def head(images, is_training, normalizer_fn=tfbn.batch_norm):
    net = tfbn.batch_norm(images, decay=0.9, is_training=is_training)
    return normalizer_fn(tf.nn.relu(net), is_training=is_training)
"""

NAME = "batch-norm"
RULE = Rule(
    name=NAME,
    summary="renames batch_norm of contrib and slim to tfbn.batch_norm; its arguments stay",
    before=BEFORE,
    after=AFTER,
    check=partial(rename, rule=NAME),
)

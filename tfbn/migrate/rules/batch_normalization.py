"""`tf.layers.batch_normalization`, and the class `tf.layers.BatchNormalization`."""

from __future__ import annotations

from functools import partial

from tfbn.migrate.rule import Rule, rename

BEFORE = """\
import tensorflow as tf

def head(images, training):
    net = tf.layers.batch_normalization(images, training=training, name="first")
    return tf.layers.BatchNormalization(momentum=0.9)(tf.nn.relu(net), training=training)
"""

AFTER = """\
import tensorflow as tf
import tfbn

def head(images, training):
    net = tfbn.batch_normalization(images, training=training, name="first")
    return tfbn.BatchNormalization(momentum=0.9)(tf.nn.relu(net), training=training)
"""

NAME = "batch-normalization"
RULE = Rule(
    name=NAME,
    summary="renames batch_normalization and BatchNormalization of tf.layers to those of tfbn; their arguments stay",
    before=BEFORE,
    after=AFTER,
    check=partial(rename, rule=NAME),
)

"""The other functions of `tf.layers`, which raise under Keras 3."""

from __future__ import annotations

from functools import partial

from tfbn.migrate.rule import Rule, rename

BEFORE = """\
import tensorflow as tf

def head(images):
    net = tf.layers.conv2d(images, 8, 3, padding="same", name="conv")
    return tf.layers.dense(tf.layers.flatten(tf.nn.relu(net)), 10)
"""

AFTER = """\
import tensorflow as tf
import tfbn

def head(images):
    net = tfbn.layers.v1.conv2d(images, 8, 3, padding="same", name="conv")
    return tfbn.layers.v1.dense(tfbn.layers.v1.flatten(tf.nn.relu(net)), 10)
"""

NAME = "tf-layers"
RULE = Rule(
    name=NAME,
    summary="renames dense, conv2d, conv2d_transpose, flatten, dropout and 2-D pooling of tf.layers to tfbn.layers.v1",
    before=BEFORE,
    after=AFTER,
    check=partial(rename, rule=NAME),
)

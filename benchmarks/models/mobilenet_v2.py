"""MobileNet-v2 (arXiv:1801.04381)."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

v1 = tf.compat.v1

IMAGE = 128
# Expansion, channels, blocks and stride of the first: table 2 of the paper.
STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def losses(layers: Any, batch_norm: Any, images: Any, is_training: Any) -> list[Any]:
    """The loss that is trained; the forward pass is what it is computed from."""
    normalizer = {"normalizer_fn": batch_norm, "normalizer_params": {"scale": True, "is_training": is_training}}

    def conv(inputs: Any, channels: int, size: int = 1, stride: int = 1, activation: Any = tf.nn.relu6) -> Any:
        return layers.conv2d(inputs, channels, size, stride, activation_fn=activation, **normalizer)

    values = conv(images, 32, 3, 2)
    for expansion, channels, blocks, first in STAGES:
        for stride in [first] + [1] * (blocks - 1):
            before = int(values.shape[-1])
            inner = conv(values, before * expansion) if expansion > 1 else values
            inner = layers.separable_conv2d(inner, None, 3, 1, stride, activation_fn=tf.nn.relu6, **normalizer)
            inner = conv(inner, channels, activation=None)
            values = values + inner if stride == 1 and before == channels else inner
    values = tf.reduce_mean(conv(values, 1280), [1, 2])
    logits = layers.fully_connected(values, 1000, activation_fn=None)
    labels = tf.zeros(v1.shape(logits)[:1], tf.int32)
    return [tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))]

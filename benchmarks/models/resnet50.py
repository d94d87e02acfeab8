"""ResNet-50 (arXiv:1512.03385), with the stride in the convolution of 3 x 3."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

v1 = tf.compat.v1

IMAGE = 128
STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))  # channels, blocks, stride of the first


def losses(layers: Any, batch_norm: Any, images: Any, is_training: Any) -> list[Any]:
    """The loss that is trained; the forward pass is what it is computed from."""

    def conv(inputs: Any, channels: int, size: int, stride: int = 1, activation: Any = tf.nn.relu) -> Any:
        normalizer = {"normalizer_fn": batch_norm, "normalizer_params": {"scale": True, "is_training": is_training}}
        return layers.conv2d(inputs, channels, size, stride, activation_fn=activation, **normalizer)

    values = layers.max_pool2d(conv(images, 64, 7, 2), 3, 2, "SAME")
    for channels, blocks, first in STAGES:
        for stride in [first] + [1] * (blocks - 1):
            shortcut = values
            if int(values.shape[-1]) != 4 * channels:
                shortcut = conv(values, 4 * channels, 1, stride, None)
            values = conv(conv(values, channels, 1), channels, 3, stride)
            values = tf.nn.relu(shortcut + conv(values, 4 * channels, 1, 1, None))
    logits = layers.fully_connected(tf.reduce_mean(values, [1, 2]), 1000, activation_fn=None)
    labels = tf.zeros(v1.shape(logits)[:1], tf.int32)
    return [tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))]

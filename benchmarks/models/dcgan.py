"""A DCGAN (arXiv:1511.06434): the discriminator sees images and generated ones in batches of their own."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

v1 = tf.compat.v1

IMAGE = 64
NOISE = 100
CHANNELS = (64, 128, 256, 512)


def losses(layers: Any, batch_norm: Any, images: Any, is_training: Any) -> list[Any]:
    """The discriminator's loss and the generator's."""
    normalizer = {"normalizer_fn": batch_norm, "normalizer_params": {"scale": True, "is_training": is_training}}
    side = int(images.shape[1]) >> len(CHANNELS)

    def generate(noise: Any) -> Any:
        with v1.variable_scope("generator"):
            values = layers.fully_connected(noise, side * side * CHANNELS[-1], **normalizer)
            values = tf.reshape(values, [-1, side, side, CHANNELS[-1]])
            for channels in reversed(CHANNELS[:-1]):
                values = layers.conv2d_transpose(values, channels, 5, 2, **normalizer)
            return layers.conv2d_transpose(values, 3, 5, 2, activation_fn=tf.tanh)

    def discriminate(values: Any, reuse: bool) -> Any:
        with v1.variable_scope("discriminator", reuse=reuse):
            for number, channels in enumerate(CHANNELS):
                more = normalizer if number else {}
                values = layers.conv2d(
                    values, channels, 5, 2, activation_fn=tf.nn.leaky_relu, scope=f"c{number}", **more
                )
            features = tf.reshape(values, [-1, side * side * CHANNELS[-1]])
            return layers.fully_connected(features, 1, activation_fn=None, scope="logits")

    generated = generate(v1.random_normal([int(images.shape[0]), NOISE]))
    real, false = discriminate(images, False), discriminate(generated, True)

    def loss(logits: Any, label: float) -> Any:
        labels = label * tf.ones_like(logits)
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits))

    return [loss(real, 1.0) + loss(false, 0.0), loss(false, 1.0)]

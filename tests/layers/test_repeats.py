"""The names that repeat gives; what it computes is compared in parity."""

from __future__ import annotations

import functools

import pytest
import tensorflow.compat.v1 as tf

from tfbn import layers


class Nameless:
    def __call__(self, inputs, scope):
        with tf.variable_scope(scope):
            return tf.identity(inputs, name="out")


@pytest.mark.parametrize(
    "layer, name",
    [
        (functools.partial(layers.fully_connected, num_outputs=2), "Repeat/fully_connected_2/Relu"),
        (Nameless(), "Repeat/repeat_2/out"),
        (lambda inputs, scope: Nameless()(inputs, scope), "Repeat/<lambda>_2/out"),
    ],
)
def test_without_a_scope(layer, name):
    with tf.Graph().as_default():
        if "lambda" in name:
            with pytest.raises(ValueError, match="not a valid scope name"):
                layers.repeat(tf.zeros([2, 3]), 2, layer)
        else:
            assert layers.repeat(tf.zeros([2, 3]), 2, layer).op.name == name


def test_a_scope_is_a_string():
    with tf.Graph().as_default(), tf.variable_scope("held") as held:
        with pytest.raises(TypeError, match="scope: expected a string or None"):
            layers.repeat(tf.zeros([2, 3]), 2, layers.fully_connected, 2, scope=held)

"""UPDATE_OPS read before there is anything in it."""

from __future__ import annotations

import pytest

from tests.migrate.helpers import findings

READ = "ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)"


def program(*lines: str, before: str = "") -> str:
    body = "".join(f"    {line}\n" for line in lines)
    return f"import tensorflow.compat.v1 as tf\nfrom tensorflow.contrib import slim\n{before}def train(x):\n{body}"


@pytest.mark.parametrize(
    ("lines", "reported"),
    [
        ((READ, "y = slim.batch_norm(x)"), True),
        (("ops = tf.get_collection('update_ops', scope='a')", "y = slim.batch_norm(x)"), True),
        ((READ, "y = slim.conv2d(x, 3, 3, normalizer_fn=slim.batch_norm)"), True),
        ((READ, "if x:", "    y = tf.layers.batch_normalization(x, training=True)"), True),
        (("y = slim.batch_norm(x)", READ), False),
        (("y = slim.batch_norm(x)", READ, "z = slim.batch_norm(x)"), False),
        ((READ, "y = slim.flatten(x)"), False),
        (("ops = tf.get_collection(tf.GraphKeys.LOSSES)", "y = slim.batch_norm(x)"), False),
    ],
)
def test_in_one_function(lines, reported):
    """On the line of the read; a layer above it is enough for the doubt."""
    assert findings(program(*lines)) == ([("collection-too-early", 4)] if reported else [])


@pytest.mark.parametrize("call", ["model(x)", "self.model(x)", "outer(x)"])
def test_layers_in_functions_of_the_file(call):
    """Directly, as methods, and through other functions."""
    before = "def model(x):\n    return slim.batch_norm(x)\ndef outer(x):\n    return model(x)\n"
    assert findings(program(READ, f"y = {call}", before=before)) == [("collection-too-early", 8)]
    assert findings(program(f"y = {call}", READ, before=before)) == []


def test_methods_are_not_confused_with_functions():
    """`net.model` may be anything."""
    before = "def model(x):\n    return slim.batch_norm(x)\n"
    assert findings(program(READ, "y = net.model(x)", before=before)) == []

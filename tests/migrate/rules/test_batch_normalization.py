"""`tf.layers.batch_normalization` and `tf.layers.BatchNormalization`."""

from __future__ import annotations

import pytest

from tests.migrate.helpers import migrated


@pytest.mark.parametrize(
    ("imports", "name"),
    [
        ("import tensorflow as tf", "tf.layers"),
        ("import tensorflow as tf", "tf.compat.v1.layers"),
        ("import tensorflow.compat.v1 as tf", "tf.layers"),
        ("from tensorflow import layers", "layers"),
        ("from tensorflow.compat.v1 import layers as L", "L"),
        ("from tensorflow.python.layers import normalization", "normalization"),
        ("import tensorflow as tf\nlayers = tf.layers", "layers"),
    ],
)
def test_function_and_class(imports, name):
    """Through every import form; a class derived from the class too."""
    body = """

class Mine({0}.BatchNormalization):
    pass

def f(x, training):
    return {0}.batch_normalization(x, -1, 0.9, training=training, name="a")
"""
    after = migrated(imports + body.format(name))
    assert after.endswith(body.format("tfbn"))
    assert "import tfbn\n" in after

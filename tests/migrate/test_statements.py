"""Statements that go, and the lines they leave."""

from __future__ import annotations

import pytest

from tests.migrate.helpers import migrated

ALIAS = "slim = tf.contrib.slim"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import tensorflow as tf; {0}; x = tf.y\n", "import tensorflow as tf; x = tf.y\n"),
        ("import tensorflow as tf; {0}\nx = tf.y\n", "import tensorflow as tf\nx = tf.y\n"),
        ("import tensorflow as tf; {0} ; {0};\nx = tf.y\n", "import tensorflow as tf;\nx = tf.y\n"),
        ("import tensorflow as tf\n{0}  # short\nx = tf.y\n", "import tensorflow as tf\nx = tf.y\n"),
        ("import tensorflow as tf\nx = tf.y\n{0}", "import tensorflow as tf\nx = tf.y\n"),
        (
            "import tensorflow as tf\nx = tf.y\ndef f():\n    {0}\n    return 1\n",
            "import tensorflow as tf\nx = tf.y\ndef f():\n    return 1\n",
        ),
        (
            "import tensorflow as tf\nx = tf.y\ndef f():\n    {0}\n\n    # no\n",
            "import tensorflow as tf\nx = tf.y\ndef f():\n    pass\n\n    # no\n",
        ),
        ("import tensorflow as tf\nx = tf.y\ndef f(): {0}\n", "import tensorflow as tf\nx = tf.y\ndef f(): pass\n"),
        ("import tensorflow as tf\nx = tf.y\nif x: {0}; y = 1\n", "import tensorflow as tf\nx = tf.y\nif x: y = 1\n"),
        (
            "import tensorflow as tf\nx = tf.y\ndef f():\n\t{0}\n\tlayers = slim.layers\n",
            "import tensorflow as tf\nx = tf.y\ndef f():\n\tpass\n",
        ),
        ("import tensorflow as tf\r\n{0}\r\nx = tf.y\r\n", "import tensorflow as tf\r\nx = tf.y\r\n"),
        ("import tensorflow as tf\n\x0c\n{0}\nx = tf.y\n", "import tensorflow as tf\n\x0c\nx = tf.y\n"),
    ],
)
def test_removed(before, after):
    """Whole lines, parts of lines, the only ones of a block."""
    assert migrated(before.format(ALIAS)) == after

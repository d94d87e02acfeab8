"""The functions and classes of `tf.layers`."""

from __future__ import annotations

import pytest

from tests.migrate.helpers import findings, migrated
from tfbn.migrate.names import KNOWN

NAMES = sorted(leaf for (kind, leaf), known in KNOWN.items() if known.rule == "tf-layers")


@pytest.mark.parametrize("name", NAMES)
def test_every_name(name):
    """Of tf.layers, before and after tf_upgrade_v2."""
    after = f"import tensorflow as tf\nimport tfbn\ny = tfbn.layers.v1.{name}(tf.x, 3)\n"
    assert migrated(f"import tensorflow as tf\ny = tf.layers.{name}(tf.x, 3)\n") == after
    assert migrated(f"import tensorflow as tf\ny = tf.compat.v1.layers.{name}(tf.x, 3)\n") == after


@pytest.mark.parametrize("name", ["InputSpec", "experimental.keras_style_scope"])
def test_others_are_reported(name):
    """With what raises under Keras 3."""
    source = f"import tensorflow as tf\ny = tf.layers.{name}(tf.x, 3)\n"
    assert migrated(source) == source
    assert findings(source) == [("leftovers", 2)]

"""The other layers of contrib and slim."""

from __future__ import annotations

import pytest

from tests.migrate.helpers import findings, migrated
from tfbn.migrate.names import KNOWN

NAMES = {leaf: known.target for (_, leaf), known in KNOWN.items() if known.rule == "contrib-layers"}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_name(name):
    """By attribute, and imported by itself."""
    kind = next(kind for (kind, leaf), known in KNOWN.items() if leaf == name and known.rule == "contrib-layers")
    module = {"layers": "layers", "framework": "framework", "utils": "slim.utils", "analyzer": "slim.model_analyzer"}[
        kind
    ]
    home, _, leaf = NAMES[name].rpartition(".")
    assert migrated(f"import tensorflow as tf\ny = tf.contrib.{module}.{name}(tf.x)\n") == (
        f"import tensorflow as tf\nimport tfbn\ny = {NAMES[name]}(tf.x)\n"
    )
    bound = leaf if leaf == name else f"{leaf} as {name}"
    assert migrated(f"from tensorflow.contrib.{module} import {name}\ny = {name}(x)\n") == (
        f"from {home} import {bound}\ny = {name}(x)\n"
    )


def test_names_that_tfbn_has_not_stay():
    """And are reported, with the import that they need."""
    source = "from tensorflow.contrib import layers\ny = layers.conv2d(layers.maxout(x, 4), 8, 3)\n"
    assert migrated(source) == (
        "import tfbn\nfrom tensorflow.contrib import layers\ny = tfbn.layers.conv2d(layers.maxout(x, 4), 8, 3)\n"
    )
    assert findings(source, skip=["v2-behavior"]) == [("dead-imports", 1), ("leftovers", 2)]

"""Classes over BatchNormalization: which base is rewritten, and which override is reported."""

from __future__ import annotations

import pytest
import tensorflow.compat.v1 as tf1

import tfbn
from tests.migrate.helpers import findings, migrated, run
from tfbn.graph import compatibility
from tfbn.migrate.rules import subclass

IMPORTS = {
    "tf.layers.BatchNormalization": "import tensorflow as tf\n",
    "BatchNormalization": "from tensorflow.python.layers.normalization import BatchNormalization\n",
    "normalization.BatchNormalization": "from tensorflow.python.layers import normalization\n",
    "tfbn.BatchNormalization": "import tfbn\n",
    "tf.keras.layers.BatchNormalization": "import tensorflow as tf\n",
    "layers.BatchNormalizationV1": "from tensorflow.python.keras import layers\n",
    "keras.layers.BatchNormalization": "import keras\n",
}


@pytest.mark.parametrize("base", IMPORTS)
@pytest.mark.parametrize("name", sorted(subclass.PRIVATE))
def test_private_methods(base, name):
    """Overriding one keeps the base as it is, and is an error that names what to do."""
    source = f"{IMPORTS[base]}\nclass Norm({base}):\n    def {name}(self, *args):\n        return args\n"
    (finding,) = [finding for finding in run(source).findings if finding.kind == "subclass"]
    assert (finding.severity, finding.where.line) == ("error", 4)
    assert finding.problem.startswith(f"Norm overrides `{name}`, a private method of the original")
    assert "synchronized=True" in finding.remedy
    assert migrated(source) == source


@pytest.mark.parametrize(
    ("body", "is_reported"),
    [
        ("def call(self, x, training=False):\n        return super().call(x, training)", False),
        ("def build(self, shape):\n        super(Norm, self).build(shape)", False),
        ("def call(self, x):\n        return super(Norm, self)._moments(x, [0], True)", True),
        ("def call(self, x):\n        return self.other._moments(x)", False),
        ("def get_config(self):\n        return {}", False),
    ],
)
def test_methods_that_are_called(body, is_reported):
    """The base is rewritten, unless they use what tfbn's class does not have."""
    source = f"import tensorflow as tf\n\nclass Norm(tf.layers.BatchNormalization):\n    {body}\n"
    assert [kind for kind, _ in findings(source) if kind == "subclass"] == ["subclass"] * is_reported
    assert ("(tfbn.BatchNormalization)" in migrated(source)) != is_reported


def test_other_uses_are_rewritten():
    """Of the class and of the function; only the base stays."""
    body = "a = tf.layers.BatchNormalization()\nclass Norm(tf.layers.BatchNormalization):\n    _moments = a\n"
    after = migrated(f"import tensorflow as tf\n{body}")
    assert "a = tfbn.BatchNormalization()\nclass Norm(tf.layers.BatchNormalization):" in after


def test_overrides_that_stay_are_called():
    """What is not reported has its effect, and what is has none."""
    called = []

    class Norm(tfbn.BatchNormalization):
        def build(self, input_shape):
            called.append("build")
            super().build(input_shape)

        def call(self, inputs, training=False):
            called.append("call")
            return super().call(inputs, training=training)

    with tf1.Graph().as_default():
        Norm()(tf1.zeros([2, 3]), training=True)
    assert called == ["build", "call"]
    assert not any(hasattr(tfbn.BatchNormalization, name) for name in subclass.PRIVATE)
    assert subclass.PRIVATE.issuperset(compatibility._PRIVATE)

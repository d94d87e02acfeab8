"""The table of what Keras 3 has lost, against the installed Keras, and the script that makes it."""

from __future__ import annotations

import keras
import pytest

from tests.migrate import keras_names
from tests.migrate.helpers import migrated, run
from tfbn.migrate.keras_names import KERAS_GONE, KERAS_IN_TENSORFLOW, KERAS_LOST_ARGUMENTS

HAS_KERAS_3 = not keras.__version__.startswith("2")


def test_names():
    """None of them is in Keras 3; those that tf.keras still has are there."""
    if not HAS_KERAS_3:
        assert keras_names.is_there("keras.layers.ThresholdedReLU")
        return
    assert [name for name in sorted(KERAS_GONE) if keras_names.is_there(f"keras.{name}")] == []
    assert [name for name in sorted(KERAS_IN_TENSORFLOW) if not keras_names.is_in_tensorflow(f"keras.{name}")] == []
    assert KERAS_IN_TENSORFLOW < KERAS_GONE
    assert {"engine", "layers.normalization", "utils.np_utils", "backend.tensorflow_backend"} <= KERAS_GONE


def test_arguments():
    """Each raises in Keras 3, and what it takes does not."""
    if not HAS_KERAS_3:
        assert not keras_names.refuses("keras.optimizers.Adam", "learning_rate")
        return
    pairs = [(name, argument) for name, lost in KERAS_LOST_ARGUMENTS.items() for argument in lost.split()]
    assert [pair for pair in pairs if not keras_names.refuses(f"keras.{pair[0]}", pair[1])] == []
    assert not keras_names.refuses("keras.layers.Dense", "use_bias")
    assert not keras_names.refuses("keras.optimizers.Adam", "learning_rate")


def test_the_table_is_as_it_was_made():
    """`python -m tests.migrate.keras_names` writes it; by hand it would come back."""
    lost = {name: arguments.split() for name, arguments in KERAS_LOST_ARGUMENTS.items()}
    assert keras_names.TABLE.read_text() == keras_names.text(set(KERAS_GONE), set(KERAS_IN_TENSORFLOW), lost)


def test_sources():
    """What a module defines and a package takes from its modules, and the arguments of bases and of old."""
    sources = keras_names.Sources(
        {
            "keras": "from . import layers\nimport numpy as np\nMAX = 3\n",
            "keras.layers": "from .core import *\nfrom keras.engine import Layer\n",
            "keras.layers.core": "class Dense(Layer):\n    @interfaces.old_dense\n    def __init__(self, units): 0\n",
            "keras.engine": "class Layer:\n    def __init__(self, name): pass\nlow = 1\n",
            "keras.legacy.interfaces": "old_dense = make(conversions=[('output_dim', 'units')])\n",
        }
    )
    modules = {"keras", "keras.layers", "keras.layers.core", "keras.engine", "keras.legacy.interfaces"}
    names = {"keras.layers.Dense", "keras.layers.Layer", "keras.layers.core.Dense", "keras.engine.Layer"}
    others = {"keras.engine.low", "keras.legacy.interfaces.old_dense"}
    assert set(sources.names()) == modules | names | others
    assert sources.arguments("Dense") == {"units", "name", "output_dim"}


@pytest.mark.parametrize(
    ("source", "advice"),
    [
        ("from keras.layers.core import Dense\n", "keras.layers"),
        ("import keras\nkeras.backend.sum(1)\n", "from tensorflow.keras import backend"),
        ("from keras.legacy import interfaces\n", "import tf_keras as keras"),
        ("import keras\nkeras.optimizers.SGD(decay=0.1)\n", "InverseTimeDecay"),
    ],
)
def test_advice(source, advice):
    """Says what to write in its place."""
    (finding,) = run(source).findings
    assert advice in finding.remedy


def test_dimensions_and_old_calls_together():
    """With the import that makes a program TF1's, and without: what is exact is rewritten."""
    source = (
        "import tensorflow as tf\n\ndef f(x):\n    n = x.get_shape()[1] / 2\n"
        "    return tf.pack(tf.split(1, n, tf.placeholder(tf.float32)))\n"
    )
    after = migrated(source, compat=True)
    assert "x.get_shape()[1] // 2" in after
    assert "tf.stack(tf.split(axis=1, num_or_size_splits=n, value=tf.placeholder(tf.float32)))" in after

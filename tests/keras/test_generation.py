"""Which Keras is meant, and what is said where there is none."""

import importlib
import types

import pytest
import tensorflow as tf

import tfbn
from tests.keras.generations import ALL, KERAS_2, WITH_KERAS_3, each
from tests.test_package import run
from tfbn.keras.generation import find_generation, layer_generation


@each
def test_by_the_module(keras):
    found = find_generation(keras)
    # tf.keras does not say its version in TensorFlow 2.13 to 2.15; the package below it does.
    version = getattr(keras, "__version__", None) or importlib.import_module("keras").__version__
    assert (found.version, found.major) == (version, 2 if keras is KERAS_2 else 3)
    assert found.layer is keras.layers.BatchNormalization
    assert layer_generation(keras.layers.BatchNormalization())[:2] == found[:2]


def test_the_default_is_tf_keras():
    assert find_generation().layer is tf.keras.layers.BatchNormalization
    assert find_generation().major == (3 if WITH_KERAS_3 else 2)


@pytest.mark.parametrize("thing", [tf, 3, ALL[0].layers])
def test_no_keras(thing):
    with pytest.raises(TypeError, match="keras: expected keras, tf_keras, tf.keras or None, got"):
        find_generation(thing)


@pytest.mark.slow
def test_importing_loads_none():
    """Neither tfbn.keras nor its modules; TensorFlow itself may."""
    loaded = "sorted(name for name in sys.modules if name.partition('.')[0] in ('keras', 'tf_keras'))"
    output = run(f"import tensorflow; before = {loaded}\nimport tfbn; tfbn.keras.wrap; print({loaded} == before)")
    assert output == "True\n"


@pytest.mark.slow
def test_without_keras():
    """The error says what to install."""
    source = """
    sys.modules['keras'] = sys.modules['tf_keras'] = None
    import tfbn
    for call in (tfbn.keras.layer_class, lambda: tfbn.keras.BatchNorm, lambda: tfbn.keras.wrap(tfbn.BatchNorm())):
        try:
            call()
        except ImportError as error:
            print(str(error)[:54], error.name)
    """
    line = "keras: TensorFlow finds no Keras, and tfbn.keras needs keras\n"
    assert run(source) == 3 * line


def test_another_backend(monkeypatch):
    """Keras 3 on other arrays than TensorFlow's: no part of tfbn.keras goes on."""
    keras = ALL[-1]
    stand_in = types.SimpleNamespace(layers=keras.layers, backend=types.SimpleNamespace(backend=lambda: "jax"))
    monkeypatch.setattr(importlib.import_module(find_generation(keras).package), "__version__", "3.15.1")
    with pytest.raises(RuntimeError, match="the TensorFlow backend of keras 3.15.1, got 'jax'. Set KERAS_BACKEND=tens"):
        tfbn.keras.layer_class(stand_in)

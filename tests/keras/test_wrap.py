"""`wrap`: layers that do what a module does, whatever its arguments; and modules of them again."""

import numpy as np
import pytest

import tfbn
from tests.keras import generations
from tests.keras.generations import OUTPUTS, batch, each
from tests.keras.test_layer import KINDS, SHAPE, X


@each
@pytest.mark.parametrize("kind", KINDS)
def test_steps(keras, kind):
    """A layer that goes on where the module is, with variables of its own; and back."""
    given = {"decay": 0.5, "scale": True, **KINDS[kind]}
    norm = tfbn.BatchNorm(4 if kind == "NCHW" else 5, **given)
    norm(X)
    layer = tfbn.keras.wrap(norm, keras=keras, name="first")
    assert isinstance(layer, tfbn.keras.layer_class(keras))
    generations.assert_equal_steps(layer, norm, SHAPE)
    back = tfbn.keras.from_keras(layer)
    generations.assert_equal_steps(layer, back, SHAPE)
    expected = {**norm.arguments(), "name": "first", "param_dtype": "float32"}
    assert (layer.name, back.arguments()) == ("first", expected)


@each
@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
def test_axis(keras, axis):
    norm = tfbn.BatchNorm(SHAPE[axis], axis=axis)
    layer = tfbn.keras.wrap(norm, keras=keras)
    np.testing.assert_allclose(layer(X, training=True), norm(X), **OUTPUTS)


@each
def test_before_the_first_call(keras):
    """As little is built as is there."""
    layer = tfbn.keras.wrap(tfbn.BatchNorm(decay=0.5, trainable=False, param_dtype="float64"), keras=keras)
    assert (layer.built, layer.trainable, layer.dtype) == (False, False, "float64")
    back = tfbn.keras.from_keras(layer)
    assert (back.moving_mean, back.trainable, back.decay) == (None, False, 0.5)


@each
def test_half_precision(keras):
    norm = tfbn.BatchNorm(5, param_dtype="float16")
    generations.randomize(norm)
    layer = tfbn.keras.wrap(norm, keras=keras)
    assert layer.moving_mean.dtype == "float32"
    generations.assert_equal_numbers(layer, norm)
    assert tfbn.keras.wrap(norm, keras=keras, dtype="mixed_float16")(batch(SHAPE)).dtype == "float16"


def test_refusal():
    with pytest.raises(TypeError, match="norm: expected a tfbn.BatchNorm, got 3"):
        tfbn.keras.wrap(3)

"""Models, converted layer by layer: dicts by the layers' paths."""

import numpy as np
import pytest

import tfbn
from tests.keras import generations
from tests.keras.generations import batch, each


def model_of(keras):
    layers = keras.layers
    inner = keras.Sequential(
        [layers.InputLayer((4, 5)), layers.BatchNormalization(name="norm"), tfbn.keras.layer_class(keras)(name="ours")],
        name="inner",
    )
    timed = layers.TimeDistributed(layers.BatchNormalization(name="norm"), name="timed")
    outer = [layers.InputLayer((4, 5)), layers.BatchNormalization(momentum=0.5, name="norm"), inner, timed]
    return keras.Sequential(outer)


@each
def test_there_and_back(keras):
    model = model_of(keras)
    layers = {
        "norm": model.layers[0],
        "inner/norm": model.layers[1].layers[0],
        "inner/ours": model.layers[1].layers[1],
        "timed/norm": model.layers[2].layer,
    }
    for seed, layer in enumerate(layers.values()):
        generations.randomize(layer, seed)
    norms = tfbn.keras.from_keras(model)
    assert list(norms) == list(layers)
    for path, layer in layers.items():
        generations.assert_equal_numbers(layer, norms[path])
    shapes = {path: [None, 5] if path == "timed/norm" else [None, 4, 5] for path in norms}
    again = tfbn.keras.to_keras(norms, shapes, keras=keras, accept=["unbiased", "trainable"])
    assert {path: layer.name for path, layer in again.items()} == {path: path.rpartition("/")[2] for path in norms}
    for path, layer in again.items():
        np.testing.assert_allclose(layer.moving_mean.numpy(), layers[path].moving_mean.numpy(), rtol=1e-7)
    with pytest.raises(ValueError, match=r"input_shape: expected a dict with the paths \['inner/norm', 'inner/ours'"):
        tfbn.keras.to_keras(norms, [None, 4, 5], keras=keras)


@each
def test_layers_that_a_model_does_not_list(keras):
    class Block(keras.layers.Layer):
        def __init__(self, **arguments):
            super().__init__(**arguments)
            self.hidden = keras.layers.BatchNormalization()

        def build(self, shape):
            self.hidden.build(shape)
            super().build(shape)

        def call(self, inputs):
            return self.hidden(inputs)

    model = keras.Sequential([Block(name="block")])
    model(batch((6, 5)))
    with pytest.raises(ValueError, match=r"got \[.*moving_mean.*\] in layers of another kind.*one by one"):
        tfbn.keras.from_keras(model)


@each
def test_a_model_without_batch_norm(keras):
    assert tfbn.keras.from_keras(keras.Sequential([keras.layers.InputLayer((5,)), keras.layers.Dense(2)])) == {}

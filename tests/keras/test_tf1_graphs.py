"""The layer in TF1 graphs, where Keras' own can be built and called, and with v2 behavior off."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle
from tests.keras import generations
from tests.keras.generations import KERAS_2, batch, each

tf1 = tf.compat.v1
X = batch((12, 4, 5))
MEAN, VARIANCE = oracle.moments(X)
MOVED = {"moving_mean": 0.5 * MEAN, "moving_variance": 0.5 + 0.5 * VARIANCE}


def made(keras, **given):
    return tfbn.keras.layer_class(keras)(decay=0.5, scale=True, unbiased=False, **given)


def values(session, layer):
    return {name: session.run(tf.convert_to_tensor(getattr(layer, name))) for name in MOVED}


def start(session):
    session.run(tf1.global_variables_initializer())


@pytest.mark.parametrize("training", [True, "fed", None])
def test_keras_2_has_the_updates_of_its_own_layer(training):
    """None is its learning phase; the outputs leave the statistics as they are."""
    with tf.Graph().as_default(), tf1.Session() as session:
        x, switch = tf1.placeholder(tf.float32, [None, 4, 5]), tf1.placeholder_with_default(False, [])
        layer, own = made(KERAS_2), KERAS_2.layers.BatchNormalization()
        given = switch if training == "fed" else training
        outputs, _ = layer(x, training=given), own(x, training=given)
        assert len(layer.updates) == len(own.updates) == 2
        if training is None:
            switch = KERAS_2.backend.learning_phase()
        start(session)
        feeds = {x: X, **({} if training is True else {switch: True})}
        found = session.run(outputs, feeds)
        np.testing.assert_allclose(found, oracle.normalize(X, MEAN, VARIANCE), **generations.OUTPUTS)
        for name, value in values(session, layer).items():
            np.testing.assert_array_equal(value, np.full(5, 0.0 if name == "moving_mean" else 1.0))
        session.run(layer.updates, feeds)
        for name, value in values(session, layer).items():
            np.testing.assert_allclose(value, MOVED[name], **generations.STATISTICS)
        if training is not True:
            before = values(session, layer)
            session.run(layer.updates, {x: X + 1})
            np.testing.assert_array_equal(values(session, layer)["moving_mean"], before["moving_mean"])


@each
def test_training(keras):
    """The outputs of Keras 3, which has no updates, wait for ours."""
    with tf.Graph().as_default(), tf1.Session() as session:
        x, layer = tf1.placeholder(tf.float32, [None, 4, 5]), made(keras)
        outputs = layer(x, training=True)
        start(session)
        found, _ = session.run([outputs, layer.updates if keras is KERAS_2 else []], {x: X})
        np.testing.assert_allclose(found, oracle.normalize(X, MEAN, VARIANCE), **generations.OUTPUTS)
        for name, value in values(session, layer).items():
            np.testing.assert_allclose(value, MOVED[name], **generations.STATISTICS)


@each
def test_wrap_and_inference(keras):
    with tf.Graph().as_default(), tf1.Session() as session:
        layer = tfbn.keras.wrap(tfbn.BatchNorm(decay=0.5, scale=True), keras=keras)
        x = tf1.placeholder(tf.float32, [None, 5])
        outputs = layer(x, training=False)
        start(session)
        found = session.run(outputs, {x: X[0]})
        np.testing.assert_allclose(found, oracle.normalize(X[0], np.zeros(5), np.ones(5)), **generations.OUTPUTS)


FIT = """
import sys
import numpy as np, tensorflow as tf
import tfbn
from tests.keras.generations import KERAS_2 as keras, batch
from tests import oracle
tf.compat.v1.disable_v2_behavior()
for dtype in ("float32", "float64"):
    layer = tfbn.keras.layer_class(keras)(decay=0.0, unbiased=False, dtype=dtype)
    model = keras.Sequential([keras.layers.InputLayer(input_shape=(5,), dtype=dtype), layer])
    model.compile("sgd", "mse")
    x = batch((12, 5), dtype=dtype)
    model.fit(x, x, batch_size=12, verbose=0)
    mean, variance = oracle.moments(x)
    for found, expected in zip(layer.get_weights()[1:], (mean, variance)):
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert {weight.dtype.base_dtype.name for weight in layer.weights} == {dtype}
    beta = layer.get_weights()[0]
    found = model.predict(x, verbose=0)
    np.testing.assert_allclose(found, oracle.normalize(x, mean, variance, beta=beta), rtol=1e-4, atol=1e-4)
"""


@pytest.mark.process
def test_keras_2_fits_with_v2_behavior_off():
    done = subprocess.run([sys.executable, "-c", FIT], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]


class TestSynchronized:
    def test_keras_2_refuses_it_with_fused(self):
        with pytest.raises(ValueError, match="`fused=True` is not supported when `synchronized=True`"):
            made(KERAS_2, fused=True, synchronized=True)

    @each
    def test_what_was_not_asked_for_is_saved_and_wrapped(self, keras):
        layer = tfbn.keras.wrap(tfbn.BatchNorm(5, synchronized=True, fused=True), keras=keras)
        assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()

"""The Kerases to test with: Keras 2 as tf.keras before TensorFlow 2.16, tf_keras and Keras 3 from there on."""

import importlib

import numpy as np
import pytest
import tensorflow as tf

from tests import oracle

WITH_KERAS_3 = tuple(map(int, tf.__version__.split(".")[:2])) >= (2, 16)
# An import that fails is a failure: no generation is left out for want of a package.
KERAS_2 = importlib.import_module("tf_keras") if WITH_KERAS_3 else tf.keras
KERAS_3 = [importlib.import_module("keras")] if WITH_KERAS_3 else []
ALL = [KERAS_2, *KERAS_3]

each = pytest.mark.parametrize("keras", ALL, ids=["keras2", "keras3"][: len(ALL)])
# Both sides in float32, with sums of some 100 terms taken in another order.
STATISTICS = {"rtol": 2e-6, "atol": 2e-6}
OUTPUTS = {"rtol": 1e-5, "atol": 1e-5}


def batch(shape, seed=0, dtype="float32"):
    """Far from zero, and with another spread per channel."""
    return oracle.batch(shape, seed=seed).astype(dtype)


def numbers(holder):
    """The variables of a module or a layer, flat, under their names."""
    names = ("beta", "gamma", "moving_mean", "moving_variance", "moving_stddev", "renorm_mean", "renorm_stddev")
    found = {name: getattr(holder, name, None) for name in (*names, "biased", "local_step")}
    return {name: variable.numpy().ravel() for name, variable in found.items() if variable is not None}


def assert_equal_numbers(one, other):
    one, other = numbers(one), numbers(other)
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_allclose(value, other[name], **STATISTICS, err_msg=name)


def assert_equal_steps(layer, norm, shape, dtype="float32", steps=3, outputs=OUTPUTS):
    """Outputs in training and inference, and every variable after each step."""
    for seed in range(1, steps + 1):
        x = batch(shape, seed, dtype)
        np.testing.assert_allclose(as_wide(layer(x, training=True)), as_wide(norm(x, is_training=True)), **outputs)
        assert_equal_numbers(layer, norm)
        np.testing.assert_allclose(as_wide(layer(x, training=False)), as_wide(norm(x, is_training=False)), **outputs)


def as_wide(tensor):
    return tf.cast(tensor, tf.float64).numpy()


def randomize(holder, seed=7):
    """Random numbers in all variables of a layer or a module, positive ones."""
    random = np.random.RandomState(seed)
    for name in numbers(holder):
        variable = getattr(holder, name)
        variable.assign(random.uniform(0.5, 2.0, tuple(variable.shape)))

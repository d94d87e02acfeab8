"""layer_norm, instance_norm and group_norm: the formula, as normalizer_fn, and refusals of tfbn alone."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import tfbn
from tests.graph import regimes
from tfbn import layers

IMAGES = np.random.default_rng(7).normal(3.0, 2.0, [3, 4, 5, 6])
BETA, GAMMA = np.linspace(-1.0, 2.0, 6), np.linspace(0.5, 3.0, 6)


def normalized(values, axes, epsilon):
    """In float64, over these axes."""
    mean, variance = values.mean(axes, keepdims=True), values.var(axes, keepdims=True)
    return (values - mean) / np.sqrt(variance + epsilon)


def in_groups(values, groups):
    parts = values.reshape([*values.shape[:-1], groups, -1])
    return normalized(parts, (1, 2, 4), 1e-6).reshape(values.shape)


EXPECTED = {
    "layer_norm": ({}, lambda: normalized(IMAGES, (1, 2, 3), 1e-12)),
    "instance_norm": ({}, lambda: normalized(IMAGES, (1, 2), 1e-6)),
    "group_norm": ({"groups": 2}, lambda: in_groups(IMAGES, 2)),
}


@pytest.mark.parametrize("resource", [False, True], ids=["ref", "resource"])
@pytest.mark.parametrize("name", EXPECTED)
def test_formula(name, resource):
    """With and without channels first, where the original takes that; the batch size is fed."""
    arguments, expected = EXPECTED[name]
    first = {"instance_norm": {"data_format": "NCHW"}, "group_norm": {"channels_axis": 1, "reduction_axes": (2, 3)}}
    with regimes.graph(resource), tf.Session() as session:
        images = tf.placeholder(tf.float32, [None, 4, 5, 6])
        outputs = [getattr(layers, name)(images, **arguments, scope="norm")]
        if name in first:
            transposed = tf.transpose(images, [0, 3, 1, 2])
            moved = getattr(layers, name)(transposed, **arguments, **first[name], scope="norm", reuse=True)
            outputs.append(tf.transpose(moved, [0, 2, 3, 1]))
        for variable, value in zip(tf.global_variables("norm/"), (BETA, GAMMA)):
            variable.load(value, session)
        for result in session.run(outputs, {images: IMAGES}):
            np.testing.assert_allclose(result, expected() * GAMMA + BETA, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "params", "told"),
    [
        ("layer_norm", {}, {"begin_params_axis": 1}),
        ("instance_norm", {}, {"data_format": "NCHW"}),
        ("group_norm", {"groups": 2}, {"groups": 2, "channels_axis": -3, "reduction_axes": (-2, -1)}),
    ],
)
def test_normalizer_that_is_not_told_of_channels_first(name, params, told):
    """A warning names the remedy, with which there is none."""
    with tf.Graph().as_default():
        images = tf.placeholder(tf.float32, [None, 3, 5, 8])
        convolve = {"data_format": "NCHW", "normalizer_fn": getattr(layers, name)}
        with pytest.warns(tfbn.CompatibilityWarning, match=f"of 8, for the channels.*'{list(told)[-1]}': "):
            layers.conv2d(images, 4, 3, normalizer_params=params, scope="warned", **convolve)
        layers.conv2d(images, 4, 3, normalizer_params=told, **convolve)
        assert tf.global_variables("warned/.*beta")[0].shape == [8]
        assert tf.global_variables("Conv/.*beta")[0].shape[0] == 4


@pytest.mark.parametrize(
    ("name", "shape", "arguments", "error", "text"),
    [
        ("layer_norm", [2, 6], {"begin_norm_axis": -3}, ValueError, "begin_norm_axis may be from -2 on"),
        ("instance_norm", [6], {}, ValueError, "has rank 1: expected 2 or more"),
        ("instance_norm", [2, 6], {"epsilon": -1.0}, ValueError, "epsilon: expected a number of at least 0"),
        ("group_norm", [2, 6], {"groups": 2}, ValueError, r"Axis is out of bounds. Expected axes from -2 to 1"),
        ("group_norm", [2, 3, 6], {"groups": 2, "reduction_axes": (1, 1)}, ValueError, "each of them there once"),
        ("group_norm", [2, 3, 6], {"groups": 0, "reduction_axes": [1]}, ValueError, "groups: expected a positive"),
        ("layer_norm", [2, 6], {"activation_fn": "relu"}, TypeError, "activation_fn: expected a function or None"),
    ],
)
def test_refused_before_a_variable_exists(name, shape, arguments, error, text):
    with tf.Graph().as_default():
        with pytest.raises(error, match=text):
            getattr(layers, name)(tf.zeros(shape), **arguments)
        assert tf.global_variables() == []


@pytest.mark.parametrize("name", EXPECTED)
def test_refused_dtype_and_mode(name):
    with pytest.raises(RuntimeError, match=f"{name} builds TF1 graphs"):
        with tf.init_scope():
            getattr(layers, name)(IMAGES)
    with tf.Graph().as_default(), pytest.raises(TypeError, match="expected float16, .* got int32"):
        getattr(layers, name)(tf.zeros([2, 4, 4, 6], tf.int32))


def test_warns_of_initializers_without_a_variable():
    with tf.Graph().as_default(), pytest.warns(tfbn.CompatibilityWarning, match=r"without effect: \['moving_mean'\]"):
        layers.instance_norm(tf.zeros([2, 4, 6]), param_initializers={"moving_mean": tf.ones_initializer()})

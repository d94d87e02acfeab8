"""Convolutions in places that a single graph does not show, and what is refused before a variable exists."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import tfbn
from tests.graph import regimes
from tfbn import layers

IMAGES = np.random.RandomState(1).normal(2.0, 1.5, [4, 6, 5, 3]).astype(np.float32)


def test_scopes_of_convolution_are_not_for_conv2d():
    """They are two functions; conv2d's two names are one."""
    with tf.Graph().as_default():
        images = tf.constant(IMAGES)
        with (
            tfbn.arg_scope([layers.convolution], scope="other"),
            tfbn.arg_scope([layers.convolution2d], padding="VALID"),
        ):
            outputs = layers.conv2d(images, 2, 3)
    assert outputs.op.name == "Conv/Relu"
    assert outputs.shape.as_list() == [4, 4, 3, 2]
    assert layers.conv2d is layers.convolution2d


@pytest.mark.parametrize("resource, control_flow_v2", regimes.REGIMES, ids=regimes.NAMES)
def test_a_branch_trains_inline(resource, control_flow_v2):
    """conv2d with an inline batch norm in a tf.cond: its statistics move in the rounds that take the branch only."""
    with regimes.graph(resource, control_flow_v2), tf.Session() as session:
        chosen = tf.placeholder(tf.bool, [])
        params = {"updates_collections": None, "decay": 0.5}
        images = tf.constant(IMAGES)

        def layer():
            return layers.conv2d(images, 2, 1, normalizer_fn=tfbn.batch_norm, normalizer_params=params, scope="c")

        outputs = tf.cond(chosen, layer, lambda: tf.zeros([4, 6, 5, 2]))
        (mean,) = (variable for variable in tf.global_variables() if "moving_mean" in variable.op.name)
        session.run(tf.global_variables_initializer())
        session.run(outputs, {chosen: False})
        assert not session.run(mean).any()
        session.run(outputs, {chosen: True})
        kernel = session.run(tf.global_variables("c/weights")[0])
        # The mean of 120 products of order one, in float32.
        expected = 0.5 * np.einsum("nhwc,cf->f", IMAGES, kernel[0, 0]) / 120
        np.testing.assert_allclose(session.run(mean), expected, rtol=0, atol=1e-5)


def test_in_a_tf1_module():
    """The layers run under TF1Module, with the names of the graph."""

    def network(images):
        with tfbn.arg_scope(
            [layers.conv2d], normalizer_fn=tfbn.batch_norm, weights_regularizer=layers.l2_regularizer(0.1)
        ):
            net = layers.conv2d(images, 4, 3, scope="conv1")
        return layers.fully_connected(layers.flatten(layers.max_pool2d(net, 2)), 2, scope="fc")

    module = tfbn.TF1Module(network)
    outputs = module(tf.constant(IMAGES))
    assert outputs.shape == (4, 2)
    names = {variable.name.partition(":")[0] for variable in module.trainable_variables}
    assert names == {"conv1/weights", "conv1/BatchNorm/beta", "fc/weights", "fc/biases"}
    assert len(module.losses) == 1


@pytest.mark.parametrize(
    "given, text",
    [
        ({"kernel_size": 0}, "kernel_size: expected positive integers, got 0"),
        ({"kernel_size": [3]}, r"The `kernel_size` argument must be a tuple of 2 integers. Received: \[3\]"),
        ({"stride": [2, 0]}, "strides: expected positive integers"),
        ({"num_outputs": 0}, "filters: expected a positive integer, got 0"),
        ({"num_outputs": 2.5}, "filters: expected a positive integer, got 2.5"),
        ({"padding": [[0, 0]] * 4}, "pad the inputs with tf.pad"),
        ({"stride": 2, "rate": 2}, r"Got strides \(2, 2\) and rates \(2, 2\)"),
        ({"kernel_size": 6, "padding": "VALID"}, r"Negative dimension .* from 5: expected a window within .* axis 2"),
        ({"data_format": "channels_last"}, "Invalid data_format: 'channels_last'"),
        ({"reuse": True}, "reuse=True cannot be used without a name_or_scope"),
        ({"weights_initializer": 0.5}, "initializer of the kernel: expected an initializer"),
    ],
)
def test_refused_before_a_variable_exists(given, text):
    with tf.Graph().as_default():
        with pytest.raises(ValueError, match=text):
            layers.conv2d(tf.constant(IMAGES), **{"num_outputs": 2, "kernel_size": 3, **given})
        assert tf.global_variables() == tf.losses.get_regularization_losses() == []


@pytest.mark.parametrize("dtype", [tf.int32, tf.bool], ids=["int32", "bool"])
@pytest.mark.parametrize(
    "call",
    [
        lambda images: layers.conv2d(images, 2, 3),
        lambda images: layers.separable_conv2d(images, None, 3, 1),
        lambda images: layers.conv2d_transpose(images, 2, 3),
        lambda images: layers.fully_connected(images, 2),
        lambda images: layers.v1.conv2d(images, 2, 3),
        lambda images: layers.v1.Dense(2)(images),
    ],
    ids=["conv2d", "separable", "transpose", "fully_connected", "v1", "class"],
)
def test_inputs_that_are_not_floating_are_refused_in_the_originals_words(call, dtype):
    with tf.Graph().as_default():
        with pytest.raises(TypeError, match=f"got {dtype.name} .*, a non-floating point type. Cast it first"):
            call(tf.zeros([2, 6, 5, 3], dtype))
        assert tf.global_variables() == []

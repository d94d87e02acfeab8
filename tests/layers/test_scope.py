"""The scope that contrib's layers make their variables in, and what surrounds it."""

from __future__ import annotations

import pytest
import tensorflow.compat.v1 as tf

import tfbn
from tests.graph import regimes
from tfbn import layers

KEYS = tf.GraphKeys


def names(key):
    return [variable.op.name for variable in tf.get_collection(key)]


@pytest.mark.parametrize("resource", [False, True], ids=["ref", "resource"])
def test_every_variable_is_a_model_variable_once(resource):
    """Also those of a normalizer, which names the collections itself, and of zero debias, which does not."""
    with regimes.graph(resource):
        params = {"zero_debias_moving_mean": True}
        layers.conv2d(tf.zeros([2, 4, 4, 3]), 2, 3, normalizer_fn=tfbn.batch_norm, normalizer_params=params, scope="s")
        assert names(KEYS.MODEL_VARIABLES) == names(KEYS.GLOBAL_VARIABLES)
        assert len(set(names(KEYS.GLOBAL_VARIABLES))) == 6
        assert names(KEYS.TRAINABLE_VARIABLES) == ["s/weights", "s/BatchNorm/beta"]


def test_a_custom_getter_around_the_layer_is_asked():
    """Under contrib's names, and it may give another tensor."""
    asked = []

    def getter(getter, name, *args, **kwargs):
        asked.append(name)
        return tf.identity(getter(name, *args, **kwargs)) * 2.0

    with tf.Graph().as_default(), tf.Session() as session:
        with tf.variable_scope("outer", custom_getter=getter):
            ones = {"weights_initializer": tf.ones_initializer(), "biases_initializer": tf.ones_initializer()}
            outputs = layers.fully_connected(tf.ones([1, 3]), 2, **ones)
        session.run(tf.global_variables_initializer())
        assert session.run(outputs).tolist() == [[8.0, 8.0]]
    assert asked == ["outer/fully_connected/weights", "outer/fully_connected/biases"]


def test_warns_of_unused_collections():
    """Keys that no variable has, and a string, as in batch_norm."""
    with tf.Graph().as_default():
        images = tf.zeros([2, 4])
        with pytest.warns(
            tfbn.CompatibilityWarning, match=r"has keys without effect: \['kernel'\].*\['weights', 'bias"
        ):
            layers.fully_connected(images, 2, variables_collections={"kernel": ["k"], "weights": ["w"]})
        with pytest.warns(tfbn.CompatibilityWarning, match="takes the string 'ab' for a list of its letters"):
            layers.fully_connected(images, 2, variables_collections="ab")
        assert names("w") == ["fully_connected/weights"]
        assert names("a") == names("b") == ["fully_connected_1/weights", "fully_connected_1/biases"]


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda x: layers.conv2d(x, 2, 3, activation_fn="relu"), "activation_fn: expected a function or None"),
        (lambda x: layers.conv2d(x, 2, 3, normalizer_fn="bn"), "normalizer_fn: expected a function or None"),
        (lambda x: layers.conv2d(x, 2, 3, weights_regularizer=0.1), "regularizer of the kernel: expected a function"),
        (lambda x: layers.conv2d(x, 2, 3, outputs_collections=3), "outputs_collections: expected a collection's name"),
        (lambda x: layers.conv2d(x, 2, 3, scope=3), "scope: expected a string"),
        (lambda x: layers.conv2d(tf.cast(x, tf.int32), 2, 3), "inputs: expected float16"),
    ],
)
def test_wrong_types_are_refused(call, text):
    """With a TypeError, and nothing is in the graph's collections."""
    with tf.Graph().as_default() as graph:
        images = tf.zeros([2, 4, 4, 3])
        with pytest.raises(TypeError, match=text):
            call(images)
        assert [key for key in graph.get_all_collection_keys() if isinstance(key, str)] == []


@pytest.mark.parametrize(
    "call",
    [
        lambda x: layers.conv2d(x, 2, 3),
        lambda x: layers.conv2d_transpose(x, 2, 3),
        lambda x: layers.separable_conv2d(x, 2, 3),
        lambda x: layers.fully_connected(x, 2),
        lambda x: layers.max_pool2d(x, 2),
        layers.dropout,
        layers.flatten,
        layers.softmax,
        lambda x: layers.repeat(x, 2, layers.conv2d, 2, 3),
        lambda x: layers.v1.dense(x, 2),
        lambda x: layers.v1.conv2d(x, 2, 3),
        lambda x: layers.v1.max_pooling2d(x, 2, 2),
        layers.v1.dropout,
        layers.v1.flatten,
    ],
)
def test_eager_execution_is_refused(call):
    with tf.init_scope():
        if not tf.executing_eagerly():
            pytest.fail("the tests run in TensorFlow 2")
        with pytest.raises(RuntimeError, match="builds TF1 graphs"):
            call(tf.zeros([2, 4, 4, 3]))

"""Bad input: a clear error, and a graph as it was."""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle
from tests.graph.regimes import values
from tfbn.arguments import checks

tf1 = tf.compat.v1


def leftovers(graph):
    """What a refusal must not leave: variables, updates, losses."""
    return {key: graph.get_collection(key) for key in graph.get_all_collection_keys() if graph.get_collection(key)}


def refused(error, match, shape=(4, 3, 2, 5), dtype=tf.float32, **kwargs):
    with tf.Graph().as_default() as graph:
        x = tf1.placeholder(dtype, shape)
        kwargs = {name: value() if name.startswith("make_") else value for name, value in kwargs.items()}
        kwargs = {name.replace("make_", ""): value for name, value in kwargs.items()}
        with pytest.raises(error, match=match):
            tfbn.batch_norm(x, **kwargs)
        store = tf1.get_variable_scope()
        assert store.global_variables() == []
    assert not any(key for key in leftovers(graph) if "variable_store" not in str(key) and "varscope" not in str(key))


@pytest.mark.parametrize("extra", [{}, {"updates_collections": None}, {"fused": False, "updates_collections": "u"}])
def test_rank_and_channels(extra):
    refused(ValueError, r"undefined rank.*set_shape", shape=None, **extra)
    refused(ValueError, r"undefined `C` dimension.*set_shape", shape=[4, 3, 2, None], **extra)
    refused(ValueError, r"undefined `C` dimension.*NCHW", shape=[4, None, 3, 2], data_format="NCHW", **extra)
    refused(ValueError, "undefined channels: a NHWC tensor of rank 0", shape=[], **extra)
    refused(ValueError, "undefined channels: a NCHW tensor of rank 1", shape=[5], data_format="NCHW", **extra)


def test_functions_and_params():
    refused(TypeError, "activation_fn: expected a function or None, got 'relu'", activation_fn="relu")


def test_scope_and_reuse():
    refused(ValueError, "reuse=True cannot be used without a name_or_scope", reuse=True)
    refused(TypeError, "reuse: expected True, False, None or", reuse="yes", scope="a")
    refused(TypeError, "scope: expected a string, a VariableScope or None, got 3", scope=3)
    refused(ValueError, r"Variable a/beta does not exist.*AUTO_REUSE", reuse=True, scope="a")


def test_is_training_tensors():
    refused(ValueError, "is_training: expected .* got None. A switch fed at run time", is_training=None)
    refused(TypeError, "is_training: .* got dtype int32", make_is_training=lambda: tf1.placeholder(tf.int32, []))


def test_collections():
    for name in ("updates_collections", "variables_collections", "outputs_collections"):
        refused(TypeError, f"{name}: expected a collection's name or a list of names, got 3", **{name: 3})


@pytest.mark.parametrize(
    "decay", [0, 1, True, 0.0, 1.0, np.float64(0.5), np.array(0.5), np.linspace(0.1, 0.9, 5, dtype=np.float32)]
)
def test_decays_of_every_kind(decay):
    """Numbers of Python and of NumPy; a tensor with one for each channel."""
    batch = oracle.batch([4, 5]).astype(np.float32)
    with tf.Graph().as_default(), tf1.Session() as opened:
        tfbn.batch_norm(tf.constant(batch), decay=tf.constant(decay) if np.ndim(decay) else decay, scope="bn")
        opened.run(tf1.global_variables_initializer())
        opened.run(tf1.get_collection(tf1.GraphKeys.UPDATE_OPS))
        moved = values(opened)["bn/moving_mean"]
    np.testing.assert_allclose(moved, (1.0 - np.float64(decay)) * oracle.moments(batch)[0], **oracle.AVERAGE)


@pytest.mark.parametrize("reuse", [True, tf1.AUTO_REUSE])
def test_mismatched_sharing_creates_nothing(reuse):
    with tf.Graph().as_default():
        tfbn.batch_norm(tf1.placeholder(tf.float32, [4, 5]), scope="a", center=False)
        before = [v.name for v in tf1.global_variables()]
        for shape, dtype in (([4, 7], tf.float32), ([4, 5], tf.float64)):
            with pytest.raises(ValueError, match="Trying to share variable a/moving_mean, but specified shape"):
                tfbn.batch_norm(tf1.placeholder(dtype, shape), scope="a", reuse=reuse, center=False)
        assert [v.name for v in tf1.global_variables()] == before


def test_reuse_without_zero_debias_pair_is_refused():
    with tf.Graph().as_default() as graph:
        x = tf1.placeholder(tf.float32, [4, 5])
        tfbn.batch_norm(x, scope="a")
        count = len(graph.get_operations())
        with pytest.raises(ValueError, match="Variable a/a/moving_mean/biased does not exist.*zero debias"):
            tfbn.batch_norm(x, scope="a", reuse=True, zero_debias_moving_mean=True)
        assert len(graph.get_operations()) == count


def test_unknown_arguments():
    refused(TypeError, "unexpected keyword argument 'momentum'", momentum=0.9)


def test_eager_execution():
    with pytest.raises(RuntimeError, match="expected a graph as default, got eager execution"):
        tfbn.batch_norm(tf.zeros([4, 5]))


def test_existing_variable_is_refused_before_creation():
    with tf.Graph().as_default():
        x = tf1.placeholder(tf.float32, [4, 5])
        tfbn.batch_norm(x, center=False, scope="a")
        before = [v.name for v in tf1.global_variables()]
        with pytest.raises(ValueError, match="Variable a/moving_mean already exists, disallowed.*reuse=True"):
            tfbn.batch_norm(x, scope="a")  # beta would be new
        with pytest.raises(ValueError, match="Variable a/beta does not exist"):
            tfbn.batch_norm(x, scope="a", reuse=True)
        assert [v.name for v in tf1.global_variables()] == before
        assert len(tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)) == 2


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        (0, False),
        (1, True),
        (np.bool_(False), False),
        (np.int64(1), True),
        (np.array(True), True),
        (lambda: tf.constant(False), False),
        (lambda: tf.constant(1), True),
        (lambda: tf1.placeholder(tf.bool, []), None),
        (lambda: tf1.placeholder(tf.bool), None),
        (lambda: tf.Variable(True), None),
    ],
)
def test_flags(value, expected):
    """A bool where the value is known, else the tensor or variable itself."""
    with tf.Graph().as_default():
        value = value() if callable(value) else value
        assert checks.check_flag(value).value is (value if expected is None else expected)

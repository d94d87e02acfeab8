"""Mistakes of those who come from another library, or mix up an order: the error says what to write."""

import re

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.graph.regimes import graph
from tests.keras import generations

X = np.random.default_rng(5).normal(2.0, 1.0, [6, 3]).astype("float32")
PARAMS, STATE = tfbn.functional.init(3)


def in_graph(layer):
    def call(**arguments):
        with graph() as opened:
            try:
                layer(tf.constant(X), **arguments)
            finally:
                assert not opened.get_all_collection_keys()

    return call


CALLEES = {
    "module": tfbn.BatchNorm,
    "call": lambda **arguments: tfbn.BatchNorm(3)(X, **arguments),
    "train": lambda **arguments: tfbn.functional.train(X, PARAMS, STATE, **arguments),
    "infer": lambda **arguments: tfbn.functional.infer(X, PARAMS, STATE, **arguments),
    "init": lambda **arguments: tfbn.functional.init(3, **arguments),
    "batch_norm": in_graph(tfbn.batch_norm),
    "batch_normalization": in_graph(tfbn.batch_normalization),
    "keras": lambda **arguments: tfbn.keras.layer_class(generations.ALL[-1])(**arguments),
}


@pytest.mark.cases(20)
@pytest.mark.parametrize(
    "callee, arguments, answer",
    [
        ("module", {"momentum": 0.1}, "decay, by the same number as Keras' .*: decay=0.1 or decay=0.9."),
        ("keras", {"momentum": 0.99}, "decay, .* 1 - it for PyTorch's: decay=0.99 or decay=0.01."),
        ("batch_norm", {"momentum": tf.Variable(0.5)}, "decay, by the same number .* 1 - it for PyTorch's."),
        ("train", {"momentum": 0.1}, "decay, .*: decay=0.1 or decay=0.9."),
        ("module", {"eps": 1e-5}, "epsilon, by the same number."),
        ("infer", {"eps": 1e-5}, "epsilon, by the same number."),
        ("batch_normalization", {"eps": 1e-5}, "epsilon, by the same number."),
        ("call", {"training": True}, "is_training, by the same value."),
        ("batch_norm", {"training": True}, "is_training, by the same value."),
        ("call", {"use_running_average": True}, "is_training, by the opposite value."),
        ("batch_normalization", {"is_training": True}, "training, by the same value."),
        ("batch_normalization", {"decay": 0.9}, "momentum, by the same number."),
        ("module", {"track_running_stats": False}, "update_statistics, by the same value, for statistics that stay"),
        ("module", {"affine": True}, "center, with scale=True beside it"),
        ("init", {"affine": False}, "center, with scale=True beside it"),
        ("module", {"beta_initializer": "ones"}, r"param_initializers, as param_initializers=\{'beta': \.\.\.\}"),
        ("keras", {"gamma_regularizer": "l2"}, r"param_regularizers, as param_regularizers=\{'gamma': \.\.\.\}"),
    ],
)
def test_other_names(callee, arguments, answer):
    (name,) = arguments
    with pytest.raises(TypeError, match=rf"{name}: expected .* unexpected keyword argument '{name}'\. It is {answer}"):
        CALLEES[callee](**arguments)


@pytest.mark.parametrize("callee", CALLEES)
def test_names_that_nobody_has(callee):
    with pytest.raises((TypeError, ValueError), match=r"(?i)(unexpected keyword|unrecognized keyword|not understood)"):
        CALLEES[callee](nonsense=1)


@pytest.mark.parametrize("function", [tfbn.functional.train, tfbn.functional.infer])
@pytest.mark.parametrize(
    "arguments, name",
    [((X, STATE, PARAMS), "params"), ((PARAMS, STATE, X), "params"), ((PARAMS, X, STATE), "params")],
    ids=["state first", "inputs last", "params first"],
)
def test_order_of_functional(function, arguments, name):
    kinds = [type(argument).__name__ for argument in arguments]
    with pytest.raises(TypeError, match=rf"{name}: expected .*\(inputs, params, state\).*got {re.escape(str(kinds))}"):
        function(*arguments)


def test_a_tuple_or_list_will_do():
    expected, _ = tfbn.functional.train(X, PARAMS, STATE)
    outputs, _ = tfbn.functional.train(X, list(PARAMS), tuple(STATE))
    np.testing.assert_array_equal(outputs, expected)


@pytest.mark.parametrize(
    "norm, text",
    [
        (lambda: tfbn.BatchNorm(), "BatchNorm(name='batch_norm')"),
        (
            lambda: tfbn.BatchNorm(3, decay=0.9, scale=True, data_format="NCHW", fused=False, name="bn"),
            "BatchNorm(channels=3, decay=0.9, scale=True, data_format='NCHW', fused=False, name='bn')",
        ),
        (
            lambda: tfbn.BatchNorm(decay=None, renorm=True, renorm_clipping={"rmax": 2.0}, adjustment=in_graph),
            "BatchNorm(decay=None, renorm=True, renorm_clipping={'rmax': 2.0}, adjustment='in_graph', "
            "name='batch_norm')",
        ),
    ],
)
def test_representation(norm, text):
    assert sorted(repr(norm())[:-1].split(", ")) == sorted(text[:-1].split(", "))
    assert repr(norm()).startswith(text[: text.index("(") + 1])


def test_a_checkpoint_that_is_not_there(tmp_path):
    module = tfbn.TF1Module(lambda x: tfbn.batch_norm(x))
    module(X)
    module.save(str(tmp_path / "model-7"))
    before = {name: variable.numpy() for name, variable in module.tf1_variables.items()}
    (tmp_path / "empty").mkdir()
    for path, there in (
        (tmp_path / "model", r"\['model-7'\]"),
        (tmp_path / "empty" / "model", r"\[\]"),
        (tmp_path / "no" / "model", "none, it is not there"),
    ):
        with pytest.raises(FileNotFoundError, match=rf"path: expected the prefix.*model\.index.*folder: {there}"):
            module.restore(str(path))
    for name, value in before.items():
        np.testing.assert_array_equal(module.tf1_variables[name], value)

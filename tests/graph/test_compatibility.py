"""Each argument the original silently does without gives one warning that names it, and no more."""

import warnings

import numpy as np
import pytest
import tensorflow as tf

import tfbn

tf1 = tf.compat.v1


def given(shape=(4, 3, 2, 5), dtype=tf.float32, **kwargs):
    with tf.Graph().as_default(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tfbn.batch_norm(tf1.placeholder(dtype, shape), **kwargs)
    return [w for w in caught if w.category is tfbn.CompatibilityWarning]


def double(shape):
    return tf.ones([5]) * 2, tf.zeros([5])


@pytest.mark.parametrize(
    ("kwargs", "texts"),
    [
        ({"adjustment": double, "updates_collections": None}, ["adjustment is not applied", "leave those at their"]),
        ({"adjustment": double, "batch_weights": np.ones(4)}, ["adjustment is not applied"]),
        (
            {"param_regularizers": {"beta": tf.nn.l2_loss}, "fused": False, "updates_collections": "u"},
            ["param_regularizers adds no loss with batch_weights", "variable_scope"],
        ),
        ({"param_initializers": {"gama": tf1.ones_initializer()}}, [r"keys without effect: ['gama']", "use the keys"]),
        ({"param_regularizers": {"moving_mean": tf.nn.l2_loss}}, [r"keys without effect: ['moving_mean']"]),
        ({"variables_collections": "mine"}, ["the string 'mine' for a list of its letters", "pass ['mine']"]),
        ({"variables_collections": {"gama": ["mine"]}}, ["variables_collections has keys without effect: ['gama']"]),
        ({"fused": True, "batch_weights": np.ones(4)}, ["fused does nothing, though True", "biased estimator"]),
        ({"fused": True, "shape": (4, 3, 5)}, ["fused does nothing, though True"]),
        ({"renorm_decay": 0.9}, ["renorm_decay does nothing without renorm, as in tf.contrib.layers", "renorm=True"]),
        ({"renorm_clipping": {"rmax": 3.0}}, ["renorm_clipping does nothing without renorm", "renorm=True"]),
        (
            {"dtype": tf.float16, "batch_weights": np.ones(4)},
            ["inputs of a half precision have statistics kept in float16", "param_dtype="],
        ),
    ],
)
def test_one_warning(kwargs, texts):
    (warning,) = given(**kwargs)
    for text in texts:
        assert text in str(warning.message)
    assert warning.filename == __file__


@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"adjustment": double},
        {"fused": True},
        {"fused": True, "shape": (4, 5)},
        {"variables_collections": {"beta": ["mine"]}},
        {"param_regularizers": {"beta": tf.nn.l2_loss}},
        {"param_initializers": {"moving_variance": tf1.ones_initializer()}},
        {"renorm": True, "renorm_clipping": {"rmax": 3.0}, "renorm_decay": 0.9},
        {"dtype": tf.float16, "batch_weights": np.ones(4), "param_dtype": tf.float32},
        {"dtype": tf.float16, "batch_weights": np.ones(4), "is_training": False},
        {"dtype": tf.float16},
    ],
)
def test_no_warning_where_everything_has_its_effect(kwargs):
    assert given(**kwargs) == []


def test_the_caller_is_found_through_an_arg_scope():
    with tfbn.arg_scope([tfbn.batch_norm], renorm_clipping={"rmax": 3.0}):
        (warning,) = given()
    assert warning.filename == __file__

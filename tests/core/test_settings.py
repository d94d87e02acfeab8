"""The front ends come to the same settings, which are resolved in one place."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tfbn.core import policy
from tfbn.core.settings import Arguments, resolve
from tfbn.graph import registry
from tfbn.ops.layout import layout_of

tf1 = tf.compat.v1
FLOOR = 1.001e-5
ARGUMENTS = Arguments(decay=0.9, epsilon=1e-6)


def settings(shape=(6, 4, 3, 5), axis=-1, weighted=False, table=policy.TABLE, virtual_batch_size=None, **arguments):
    layout = layout_of(tf.TensorShape(shape), [axis % len(shape)], virtual_batch_size=virtual_batch_size)
    return resolve(dataclasses.replace(ARGUMENTS, **arguments), layout, tf.float32, weighted, table=table)


@pytest.mark.parametrize(
    ("given", "path", "epsilon", "unbiased"),
    [
        ({}, "core-fused", FLOOR, True),
        ({"epsilon": 1e-2}, "core-fused", 1e-2, True),
        ({"unbiased": False}, "core-fused", FLOOR, False),
        ({"shape": (6, 5)}, "function-fused", FLOOR, True),
        ({"shape": (6, 4, 5)}, "core", 1e-6, False),
        ({"axis": 2}, "core", 1e-6, False),
        ({"fused": False, "unbiased": True}, "core", 1e-6, True),
        ({"weighted": True}, "legacy", 1e-6, False),
        ({"zero_debias_moving_mean": True}, "function-fused", FLOOR, True),
        ({"virtual_batch_size": 3}, "core-fused", FLOOR, True),
        ({"virtual_batch_size": 3, "table": policy.LAYERS_TABLE}, "core", 1e-6, False),
        ({"table": policy.FUNCTIONAL_TABLE}, "functional", 1e-6, False),
    ],
)
def test_estimator_and_floor_go_with_the_path(given, path, epsilon, unbiased):
    found = settings(**given)
    assert (found.path.name, found.epsilon, found.unbiased) == (path, epsilon, unbiased)
    assert found.fused_nchw_inference == (path.endswith("fused"))


def test_clipping_says_whether_there_is_renorm():
    assert settings(renorm_clipping={"rmax": 2.0}).renorm_clipping is None
    assert settings(renorm=True).renorm_clipping == {}
    assert settings(renorm=True, renorm_clipping={"rmax": 2.0}).renorm_clipping == {"rmax": 2.0}


SAME = [
    {},
    {"fused": False},
    {"renorm": True, "renorm_clipping": {"dmax": 1.0}, "renorm_decay": 0.5},
    {"zero_debias_moving_mean": True},
    {"virtual_batch_size": 2},
    {"data_format": "NCHW"},
    {"batch_weights": np.ones(6, "float32")},
    {"epsilon": 0.0, "decay": 0.5},
]


@pytest.mark.parametrize("arguments", SAME, ids=lambda arguments: "-".join(arguments) or "none")
@pytest.mark.parametrize("shape", [(6, 5), (6, 4, 5), (6, 4, 3, 5)], ids=len)
def test_the_module_does_what_batch_norm_does(arguments, shape):
    """Down to the record: whatever is computed by it, is the same."""
    with tf.Graph().as_default() as graph:
        tfbn.batch_norm(tf1.placeholder(tf.float32, shape), **arguments)
        (call,) = registry.calls_of(graph)
    weighted = "batch_weights" in arguments
    norm = tfbn.BatchNorm(**{name: value for name, value in arguments.items() if name != "batch_weights"})
    assert norm.settings_for(tf.TensorSpec(shape), weighted) == call.settings


@pytest.mark.parametrize(
    "arguments", [{}, {"fused": False}, {"renorm": True}], ids=lambda arguments: "-".join(arguments)
)
def test_the_function_of_tf_layers_does_so_for_images(arguments):
    with tf.Graph().as_default() as graph:
        x = tf1.placeholder(tf.float32, [6, 4, 3, 5])
        tfbn.batch_norm(x, decay=0.99, **arguments)
        tfbn.batch_normalization(x, training=True, **arguments)
        ours, layers = (call.settings for call in registry.calls_of(graph))
    assert layers._replace(path=ours.path) == ours

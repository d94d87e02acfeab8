"""What no rule rewrites."""

from __future__ import annotations

import pytest

from tests.migrate.helpers import migrated, run


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("contrib.layers.relu6", "activation_fn=tf.nn.relu6"),
        ("contrib.slim.relu6", "activation_fn=tf.nn.relu6"),
        ("contrib.layers.python.layers.layers.relu6", "activation_fn=tf.nn.relu6"),
        ("contrib.slim.linear", "activation_fn=None"),
        ("contrib.layers.bias_add", "tf.nn.bias_add"),
        ("contrib.metrics.streaming_accuracy", "labels come before predictions"),
        ("contrib.slim.learning.train", "MonitoredTrainingSession"),
        ("contrib.slim.get_trainable_variables", "tfbn.layers.get_variables"),
        ("contrib.framework.get_trainable_variables", "tfbn.layers.get_variables"),
        ("contrib.opt.LazyAdamOptimizer", "tf.contrib is gone"),
        ("layers.InputSpec", "raises under Keras 3"),
        ("compat.v1.layers.experimental", "raises under Keras 3"),
        ("contrib", "tf.contrib is gone"),
    ],
)
def test_each_is_reported_with_advice(name, advice):
    """In full, with the place."""
    source = f"import tensorflow as tf\ny = [tf.{name}]\n"
    assert migrated(source) == source
    (found,) = run(source).findings
    assert (found.kind, found.where.line, found.where.column) == ("leftovers", 2, 6)
    assert name.replace("compat.v1.", "") in found.problem
    assert advice in found.remedy


def test_a_module_handed_on_is_reported():
    """What is done with it is not known."""
    source = "import tensorflow.contrib.slim as slim\nbuild(slim)\n"
    assert migrated(source) == source
    assert [finding.kind for finding in run(source).findings] == ["dead-imports", "leftovers"]


@pytest.mark.parametrize("name", ["nn.relu", "compat.v1.train.Saver", "keras.layers.Dense", "contributions.x"])
def test_what_is_there_is_no_leftover(name):
    """Neither what TensorFlow 2 has, nor what only looks like contrib."""
    assert run(f"import tensorflow as tf\nfrom tensorflow.contrib import slim\ny = tf.{name}\n").findings == ()

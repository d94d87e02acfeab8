"""The tables of names, against TensorFlow's and tfbn's own."""

from __future__ import annotations

import importlib.util

import pytest

import tfbn
from tfbn.migrate import names
from tfbn.migrate.names import KNOWN


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("tensorflow.contrib.layers.batch_norm", "tfbn.batch_norm"),
        ("tensorflow.compat.v1.contrib.slim.batch_norm", "tfbn.batch_norm"),
        ("tensorflow.compat.v2.compat.v1.contrib.slim.batch_norm", "tfbn.batch_norm"),
        ("tensorflow.compat.v2.layers.conv2d", "tfbn.layers.v1.conv2d"),
        ("tensorflow_core.contrib.layers.batch_norm", "tfbn.batch_norm"),
        ("tf_slim.layers.layers.batch_norm", "tfbn.batch_norm"),
        ("tf_slim.ops.arg_scope.arg_scope", "tfbn.arg_scope"),
        ("tensorflow.contrib.slim.utils.last_dimension", "tfbn.layers.utils.last_dimension"),
        ("tensorflow.contrib.layers.python.layers.utils.last_dimension", "tfbn.layers.utils.last_dimension"),
        ("tensorflow.layers.conv2d", "tfbn.layers.v1.conv2d"),
        ("tensorflow.python.layers.convolutional.Conv3DTranspose", "tfbn.layers.v1.Conv3DTranspose"),
        ("tensorflow.contrib.slim.convolution3d_transpose", "tfbn.layers.conv3d_transpose"),
        ("tensorflow.contrib.layers.conv2d", "tfbn.layers.conv2d"),
        ("tensorflow.contrib.layers.convolution2d_transpose", "tfbn.layers.conv2d_transpose"),
        ("tensorflow.contrib.layers.python.layers.normalization.instance_norm", "tfbn.layers.instance_norm"),
        ("tensorflow.contrib.slim.model_analyzer.analyze_vars", "tfbn.layers.analyze_vars"),
        ("tensorflow.contrib.slim.layer_norm", "tfbn.layers.layer_norm"),
        ("tensorflow.contrib.framework.init_from_checkpoint", "tfbn.layers.init_from_checkpoint"),
        ("tensorflow.contrib.slim.assign_from_checkpoint_fn", "tfbn.layers.assign_from_checkpoint_fn"),
    ],
)
def test_known(name, target):
    """By the full name."""
    assert names.known(name).target == target


@pytest.mark.parametrize(
    "name", ["tensorflow.nn.conv2d", "tensorflow.keras.layers.conv2d", "ops.batch_norm", "slim.batch_norm", "x", ""]
)
def test_unknown(name):
    """TensorFlow 2's own, and other packages'."""
    assert names.known(name) is None
    assert not names.is_dead(name)


@pytest.mark.parametrize(
    ("name", "dead"),
    [
        ("tensorflow.contrib", True),
        ("tensorflow.contrib.opt.x", True),
        ("tf_slim", True),
        ("tensorflow.layers", True),
        ("tensorflow.compat.v1.layers.x", True),
        ("tensorflow.contribution", False),
        ("tensorflow", False),
        ("tensorflow.compat.v1", False),
        ("tf_slimmer", False),
    ],
)
def test_dead(name, dead):
    """What TensorFlow 2 lacks."""
    assert names.is_dead(name) == dead


def test_every_target_is_in_tfbn():
    """The codemod imports nothing of tfbn, so this holds its names against tfbn's; tfbn.layers where it is there."""
    targets = {known.target for known in KNOWN.values() if known.target}
    targets = {target for target in targets if target.startswith("tfbn.")}
    core = {target for target in targets if not target.startswith("tfbn.layers.")}
    assert {target.partition(".")[2] for target in core} <= set(tfbn.__all__)
    if importlib.util.find_spec("tfbn.layers"):
        for target in sorted(targets - core):
            value = tfbn
            for part in target.split(".")[1:]:
                value = getattr(value, part)
            assert callable(value), target


@pytest.mark.parametrize("rule", ["batch-norm", "contrib-layers", "arg-scope"])
def test_slim_has_what_contrib_has(rule):
    """slim is a view of contrib.layers and contrib.framework."""
    for (kind, leaf), known in KNOWN.items():
        if known.rule == rule and kind not in ("utils", "analyzer"):
            assert names.known(f"tensorflow.contrib.slim.{leaf}") == known


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("contrib.slim.stack", "write the loop, with the scopes that stack gave"),
        ("contrib.layers.python.layers.layers.stack", "write the loop, with the scopes that stack gave"),
        ("contrib.slim.learning.train", "MonitoredTrainingSession"),
        ("contrib.slim.metrics.streaming_mean", "tf.compat.v1.metrics"),
        ("contrib.slim.nets.vgg.vgg_16", "copy the network's source into the project"),
        ("contrib.slim.tfexample_decoder.Image", "tf.data"),
        ("contrib.framework.local_variable", "use tf.compat.v1.Variable with trainable=False"),
        ("contrib.training.clip_gradient_norms_fn", "transform_grads_fn"),
        ("contrib.crf.crf_decode", "tf.contrib is gone"),
        ("layers.InputSpec", "raises under Keras 3"),
    ],
)
def test_advice(name, advice):
    """What is nearest to the name: its own, its module's, that of the part of contrib that slim has it from."""
    assert advice in names.advice(f"tensorflow.{name}")

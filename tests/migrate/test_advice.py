"""What the codemod advises to use is there, in the oldest and in the newest TensorFlow."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys

import pytest
import tensorflow as tf

import tfbn
from tests.keras.generations import WITH_KERAS_3
from tfbn.migrate import names, v1_names
from tfbn.migrate.tensorflow_names import V1_ONLY

METRICS = [name.partition(".")[2] for name in sorted(V1_ONLY) if name.startswith("metrics.")]
NAMED = re.compile(r"\b(tf|tfbn)((?:\.[A-Za-z_]\w*)+)")


@pytest.mark.parametrize("key", [*sorted(names.ANSWERS), *(f"contrib.metrics.streaming_{name}" for name in METRICS)])
def test_every_name_is_there(key):
    """And none raises, but behind a switch that the advice names."""
    advice = names.advice(f"tensorflow.{key}").partition("\n")[0]  # the lines below it are run by another test
    for root, chain in NAMED.findall(advice):
        if chain.startswith(".contrib"):
            continue  # what it is about
        functools.reduce(getattr, chain.split(".")[1:], {"tf": tf, "tfbn": tfbn}[root])
        below = names.below_tensorflow(f"tensorflow{chain}")
        assert root == "tfbn" or v1_names.gone(below) is None or "TF_USE_LEGACY_KERAS=1" in advice


@pytest.mark.parametrize(
    ("key", "advice"),
    [
        ("nn.rnn_cell.GRUCell", "TF_USE_LEGACY_KERAS=1"),
        ("contrib.rnn.GRUCell", "TF_USE_LEGACY_KERAS=1"),
        ("estimator.RunConfig", "MonitoredTrainingSession"),
        ("contrib.metrics.streaming_auc", "tf.compat.v1.metrics.auc"),
        ("examples.tutorials.mnist.input_data", "tf.keras.datasets.mnist"),
        ("raw_ops.CompareAndBitpack", "release notes"),
    ],
)
def test_advice_for_what_stands_below(key, advice):
    """By the longest part of the name that has some."""
    assert advice in names.advice(f"tensorflow.{key}")


CELLS = """
import tensorflow.compat.v1 as tf
tf.disable_v2_behavior()

class Cell:
    state_size = output_size = 5
    def zero_state(self, batch_size, dtype):
        return tf.zeros([batch_size, 5], dtype)
    def __call__(self, inputs, state, scope=None):
        weights = tf.get_variable("weights", [inputs.shape[-1] + 5, 5])
        state = tf.tanh(tf.concat([inputs, state], 1) @ weights)
        return state, state

for cell in Cell(), tf.nn.rnn_cell.GRUCell(5), tf.nn.rnn_cell.MultiRNNCell([tf.nn.rnn_cell.LSTMCell(5)]):
    x, scope = tf.placeholder(tf.float32, [2, 3, 4]), type(cell).__name__
    outputs, _ = tf.nn.dynamic_rnn(cell, x, dtype=tf.float32, scope=scope)
    print(outputs.shape)
"""


@pytest.mark.process
def test_cells():
    """As the advice says: those of Keras 2, and one that the program has written."""
    # TensorFlow 2.15 would want tf_keras too, and has Keras 2 anyway.
    environment = {**os.environ, "TF_USE_LEGACY_KERAS": "1"} if WITH_KERAS_3 else None
    output = subprocess.run(
        [sys.executable, "-c", CELLS], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    assert output.stdout.split("\n")[:3] == ["(2, 3, 5)"] * 3

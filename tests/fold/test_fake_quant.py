"""Weights of quantization-aware training: folded as they are rounded, where their ranges are constants."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.fold import graphs
from tests.fold.graphs import NORMS, tf1
from tests.fold.networks import check
from tfbn.fold import fold_graph
from tfbn.fold.fake_quant import FAKE_QUANT, round_weights
from tfbn.graphdef.constants import Constants
from tfbn.graphdef.dataflow import Dataflow


def weights():
    return graphs.constant(np.random.RandomState(0), 3, 3, 4, 6)


def channel_ranges():
    random = np.random.RandomState(1)
    return -random.gamma(2.0, 0.2, 6).astype(np.float32), random.gamma(2.0, 0.4, 6).astype(np.float32)


QUANTIZERS = {
    "args": lambda w: tf.quantization.fake_quant_with_min_max_args(w, -0.7, 1.3),
    "default": tf.quantization.fake_quant_with_min_max_args,
    "vars": lambda w: tf.quantization.fake_quant_with_min_max_vars(w, -1.1, 0.9, narrow_range=True),
    "4 bits": lambda w: tf.quantization.fake_quant_with_min_max_vars(w, -0.8, 1.5, num_bits=4),
    "above 0": lambda w: tf.quantization.fake_quant_with_min_max_vars(w, 0.2, 1.5),
    "nothing": lambda w: tf.quantization.fake_quant_with_min_max_vars(w, 0.0, 0.0),
    "per channel": lambda w: tf.quantization.fake_quant_with_min_max_vars_per_channel(w, *channel_ranges()),
}


@pytest.mark.parametrize("quantizer", QUANTIZERS)
def test_rounds_as_tensorflow_does(quantizer):
    values = np.random.RandomState(2).normal(0.3, 0.8, [5000, 6]).astype(np.float32)
    with tf.Graph().as_default() as graph, tf1.Session() as session:
        expected = session.run(QUANTIZERS[quantizer](tf.constant(values)))
    (node,) = (node for node in Dataflow(graph.as_graph_def()).all if node.type in FAKE_QUANT)
    assert np.array_equal(round_weights(node, Constants()), expected)


@pytest.mark.parametrize("quantizer", ["args", "vars", "per channel"])
def test_is_folded(quantizer):
    """The weights as they were rounded; activations stay quantized."""

    def make():
        x = tf.quantization.fake_quant_with_min_max_args(graphs.images(), -3.0, 4.0)
        x = tf.nn.conv2d(x, tf.identity(QUANTIZERS[quantizer](tf.constant(weights()))), 1, "SAME")
        tf.nn.relu(NORMS["FusedBatchNormV3"](x, False, **graphs.statistics(6)), name="outputs")

    folded = check(graphs.built(make))
    assert [type for type in graphs.types(folded.graph_def) if "Fake" in type] == ["FakeQuantWithMinMaxArgs"]


def test_a_range_that_is_fed():
    def make():
        high = tf1.placeholder_with_default(1.0, [], name="high")
        kernel = tf.quantization.fake_quant_with_min_max_vars(weights(), -1.0, high, name="quantized")
        x = tf.nn.conv2d(graphs.images(), kernel, 1, "SAME")
        tf.identity(NORMS["FusedBatchNormV3"](x, False, **graphs.statistics(6)), name="outputs")

    (finding,) = fold_graph(graphs.built(make)).left
    assert finding.problem == "the kernel of Conv2D is fake-quantized, by quantized, in a range that is no constant"

"""Networks of one layer to fold, and the check that folding has left nothing and changed nothing."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.fold import graphs
from tests.fold.graphs import BATCH_NORMS, LINEARS, NORMS, tf1
from tfbn.fold import fold_graph

# What fold_graph promises, of the largest output; here, networks of one layer, some 20 roundings of 6e-8.
TOLERANCE = 2e-6


def network(layer, norm, nchw=False, kept=("gamma", "beta"), bias=None, batch=None):
    """A layer, perhaps a bias, a batch norm and a relu."""

    def make():
        x = LINEARS[layer](graphs.images(nchw, batch), np.random.RandomState(0), nchw)
        x = x if bias is None else graphs.biased(x, bias, nchw)
        channels = x.shape[1 if nchw else -1]
        tf.nn.relu(NORMS[norm](x, nchw, **graphs.statistics(channels, kept)), name="outputs")

    return graphs.built(make)


def check(graph_def, nchw=False, **arguments):
    """That nothing of a batch norm is left and that the outputs are the same."""
    before = graph_def.SerializeToString(deterministic=True)
    feed = {"images": graphs.batch_of(nchw)}
    folded = fold_graph(graph_def, ["outputs"], inputs=feed, **arguments)
    assert graph_def.SerializeToString(deterministic=True) == before
    (expected,), (found,) = (graphs.run(each, ["outputs"], feed) for each in (graph_def, folded.graph_def))
    assert expected.any()
    difference = np.abs(found - expected).max() / np.abs(expected).max()
    assert difference <= TOLERANCE
    assert folded.difference == pytest.approx(difference, abs=1e-7)
    assert (folded.left, folded.output) == ([], "outputs:0")
    assert not {*BATCH_NORMS, "Mul", "Sub"} & {*graphs.types(folded.graph_def)}
    return folded


def shared_with_another(of=lambda x: tf.nn.relu(x, name="other"), norm="FusedBatchNormV3"):
    def make():
        x = LINEARS["Conv2D"](graphs.images(), np.random.RandomState(0), False)
        of(x)
        tf.nn.relu(NORMS[norm](x, False, **graphs.statistics(6)), name="outputs")

    return graphs.built(make)


def behind(before, norm="FusedBatchNormV3", **arguments):
    def make():
        x = LINEARS["Conv2D"](graphs.images(), np.random.RandomState(0), False)
        tf.nn.relu(NORMS[norm](before(x), False, **graphs.statistics(6), **arguments), name="outputs")

    return graphs.built(make)


def optimized(graph_def):
    """With constants folded, by TensorFlow's graph optimizer."""
    from tensorflow.core.protobuf import config_pb2
    from tensorflow.python.grappler import tf_optimizer

    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(graph_def, name="")
        graph.add_to_collection("train_op", graph.get_tensor_by_name("outputs:0"))
        meta = tf1.train.export_meta_graph(graph=graph)
    config = config_pb2.ConfigProto()
    config.graph_options.rewrite_options.min_graph_nodes = -1
    config.graph_options.rewrite_options.optimizers.append("constfold")
    return tf_optimizer.OptimizeGraph(config, meta)

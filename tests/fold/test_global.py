"""BatchNormWithGlobalNormalization, the op of before TensorFlow 1, in graphs of that time."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.fold import graphs
from tests.fold.graphs import LINEARS, tf1
from tests.fold.networks import TOLERANCE
from tfbn.fold import fold_arrays, fold_graph

OP = "BatchNormWithGlobalNormalization"
EPSILON = 0.02  # large beside the variances, so that it is seen


def old_graph(scaled, before=lambda x: x, layer="Conv2D"):
    """A frozen GraphDef of producer 8, the last that may have the op."""

    def make():
        x = before(LINEARS[layer](graphs.images(), np.random.RandomState(0), False))
        for name, value in graphs.statistics(x.shape[-1]).items():
            tf.constant(value, name=name)
        tf.identity(x, name="x")

    graph_def = graphs.built(make)
    (end,) = (node for node in graph_def.node if node.name == "x")
    norm = graph_def.node.add(name="norm", op=OP)
    norm.input.extend([end.input[0], "moving_mean", "moving_variance", "beta", "gamma"])
    norm.attr["T"].type = tf.float32.as_datatype_enum
    norm.attr["variance_epsilon"].f = EPSILON
    norm.attr["scale_after_normalization"].b = scaled
    outputs = graph_def.node.add(name="outputs", op="Relu", input=["norm"])
    outputs.attr["T"].type = tf.float32.as_datatype_enum
    graph_def.node.remove(end)
    graph_def.versions.producer = 8
    return graph_def


@pytest.mark.parametrize("layer", ["Conv2D", "DepthwiseConv2dNative"])
@pytest.mark.parametrize("scaled", [False, True])
def test_it_is_folded(scaled, layer):
    """As the op computes, gamma only where it says so; the versions stay."""
    graph_def = old_graph(scaled, layer=layer)
    folded = fold_graph(graph_def, ["outputs"])
    assert ([each.batch_norm for each in folded.folded], folded.left) == (["norm"], [])
    assert OP not in graphs.types(folded.graph_def)
    assert folded.graph_def.versions == graph_def.versions
    feed = {"images": graphs.batch_of()}
    (expected,), (found,) = (graphs.run(each, ["outputs"], feed) for each in (graph_def, folded.graph_def))
    assert expected.any()
    assert np.abs(found - expected).max() <= TOLERANCE * np.abs(expected).max()


@pytest.mark.parametrize("scaled", [False, True])
def test_weights_are_those_of_fold_arrays(scaled):
    """To the last bit."""
    folded = fold_graph(old_graph(scaled), ["outputs"]).graph_def
    found = {node.name: tf.make_ndarray(node.attr["value"].tensor) for node in folded.node if node.op == "Const"}
    given = graphs.statistics(6)
    if not scaled:
        del given["gamma"]
    kernel = graphs.constant(np.random.RandomState(0), 3, 2, 4, 6)
    expected = fold_arrays(kernel, epsilon=float(np.float32(EPSILON)), **given)
    assert np.array_equal(found["Conv2D/folded_kernel"], expected.kernel)
    assert np.array_equal(found["Conv2D/folded_bias"], expected.bias)


def test_as_tensorflow_folds_it():
    """optimize_for_inference knows the op, too."""
    from tensorflow.python.tools import optimize_for_inference_lib

    graph_def = old_graph(True)
    copied = tf1.GraphDef.FromString(graph_def.SerializeToString())
    theirs = optimize_for_inference_lib.fold_batch_norms(copied)
    assert OP not in graphs.types(theirs)
    feed = {"images": graphs.batch_of()}
    ours = fold_graph(graph_def, ["outputs"]).graph_def
    (expected,), (found,) = (graphs.run(each, ["outputs"], feed) for each in (theirs, ours))
    # Theirs computes in float32 throughout.
    assert np.abs(found - expected).max() <= 2 * TOLERANCE * np.abs(expected).max()


def test_what_stays_is_named():
    """Behind an activation, or with statistics that are fed."""
    (left,) = fold_graph(old_graph(True, lambda x: tf.nn.relu(x, name="relu")), ["outputs"]).left
    assert (left.where, left.problem) == ("norm", "in front of it is no linear layer but relu (Relu)")
    graph_def = old_graph(True)
    (norm,) = (node for node in graph_def.node if node.op == OP)
    fed = graph_def.node.add(name="fed", op="PlaceholderWithDefault", input=["moving_mean"])
    fed.attr["dtype"].type = tf.float32.as_datatype_enum
    fed.attr["shape"].shape.dim.add(size=6)
    norm.input[1] = "fed"
    assert [(finding.where, finding.problem) for finding in fold_graph(graph_def, ["outputs"]).left] == [
        ("norm", "its parameters or statistics are not constants")
    ]


def test_a_later_producer_is_refused():
    """TensorFlow does not run the op in graphs of later versions."""
    graph_def = old_graph(True)
    graph_def.versions.producer = 27
    with pytest.raises(ValueError, match=f"expected a graph that can be imported, .*{OP}.* version 27"):
        fold_graph(graph_def, ["outputs"])

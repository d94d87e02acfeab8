"""fold_graph(lower=True): what cannot be folded becomes one multiplication and one addition."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.fold import graphs
from tests.fold.graphs import BATCH_NORMS, LINEARS, NORMS, tf1
from tests.fold.networks import TOLERANCE, behind
from tests.fold.test_global import OP, old_graph
from tests.fold.test_inventory import by_batch, by_formula, dense
from tests.graphdef import forms
from tfbn.fold import fold_graph


def lowered(graph_def, count=1, inputs=None, tolerance=TOLERANCE):
    """That no batch norm is left but as Mul and Add, and the outputs are the same; returns the types and constants."""
    feed = {"images": graphs.batch_of()} if inputs is None else inputs
    folded = fold_graph(graph_def, ["outputs"], inputs=feed, lower=True, tolerance=tolerance)
    assert (len(folded.lowered), folded.left, folded.output) == (count, [], "outputs:0")
    (expected,), (after,) = (graphs.run(each, ["outputs"], feed) for each in (graph_def, folded.graph_def))
    assert (expected.any(), after.dtype) == (True, expected.dtype)
    assert np.abs(after - expected).max() <= tolerance * np.abs(expected).max()
    assert not {*BATCH_NORMS, OP, "Sqrt", "Pow", "Sub", "RealDiv"} & {*graphs.types(folded.graph_def)}
    assert fold_graph(folded.graph_def, ["outputs"]).batch_norms == 0
    return [node for node in folded.graph_def.node if "lowered" in node.name]


@pytest.mark.parametrize("nchw", [False, True], ids=["NHWC", "NCHW"])
@pytest.mark.parametrize("norm", NORMS)
def test_behind_an_activation(norm, nchw):
    """In both layouts, by constants that broadcast along the channels."""

    def make():
        x = tf.nn.relu(graphs.images(nchw))
        tf.nn.relu(NORMS[norm](x, nchw, **graphs.statistics(4)), name="outputs")

    *constants, product = lowered(graphs.built(make), inputs={"images": graphs.batch_of(nchw)})
    assert product.op == "Mul"
    assert [tf.make_ndarray(node.attr["value"].tensor).shape for node in constants] == [(4, 1, 1) if nchw else (4,)] * 2


@pytest.mark.parametrize("formula", forms.FORMULAS)
def test_every_formula(formula):
    lowered(graphs.built(lambda: tf.identity(by_formula(formula)(tf.nn.relu(dense(graphs.images()))), "outputs")))


@pytest.mark.parametrize("scaled", [False, True])
def test_global(scaled):
    lowered(old_graph(scaled, lambda x: tf.nn.relu(x, name="relu")))


def test_half_precision():
    """Computes in the data's dtype, whatever that of the statistics is."""

    def make():
        x = tf.nn.relu(tf1.placeholder(tf.float16, [None, 7, 6, 4], name="images"))
        tf.identity(NORMS["FusedBatchNormV3"](x, False, **graphs.statistics(4)), name="outputs")

    lowered(graphs.built(make), inputs={"images": graphs.batch_of().astype(np.float16)}, tolerance=1e-2)


def test_preactivation_network():
    """Where a sum of branches is normalized, and by two layers; what can be folded is."""

    def block(x, name):
        y = tf.nn.relu(NORMS["FusedBatchNormV3"](x, False, **graphs.statistics(6)))
        y = tf.nn.conv2d(y, 0.1 * graphs.constant(np.random.RandomState(1), 3, 3, 6, 6), 1, "SAME")
        y = tf.nn.relu(NORMS["centred"](y, False, **graphs.statistics(6)))
        return x + tf.nn.conv2d(y, 0.1 * graphs.constant(np.random.RandomState(2), 3, 3, 6, 6), 1, "SAME", name=name)

    def make():
        x = LINEARS["Conv2D"](graphs.images(), np.random.RandomState(0), False)
        x = block(block(x, "last1"), "last2")
        x = NORMS["tf.nn.batch_normalization"](x, False, **graphs.statistics(6))
        tf.nn.relu(NORMS["centred"](x * 0.5, False, **graphs.statistics(6)), name="outputs")

    nodes = lowered(graphs.built(make), count=4)
    assert sum(node.op == "Mul" for node in nodes) == 3  # the last two are one
    assert len(fold_graph(graphs.built(make), ["outputs"], lower=True).folded) == 2


def test_names_stay():
    """An output within the batch norm keeps it apart from what is behind."""

    def make():
        x = tf.subtract(tf.nn.relu(graphs.images()), graphs.statistics(4)["moving_mean"], name="centred")
        x = x / tf.sqrt(tf.constant(graphs.statistics(4)["moving_variance"]) + 1e-3)
        tf.identity(x + 1.0, name="outputs")

    graph_def, feed, names = graphs.built(make), {"images": graphs.batch_of()}, ["centred", "outputs"]
    folded = fold_graph(graph_def, names, lower=True)
    for one, other in zip(*(graphs.run(each, names, feed) for each in (graph_def, folded.graph_def))):
        np.testing.assert_allclose(one, other, atol=TOLERANCE * np.abs(one).max())
    assert folded.lowered == ("truediv",)
    assert str(folded).splitlines()[:2] == [
        "Folded: 0. Lowered: 1. Left as they are: 0.",
        "  truediv lowered to a multiplication and an addition",
    ]


def test_integer_outputs(monkeypatch):
    """What is lowered is compared itself."""
    graph_def = behind(tf.nn.relu)
    argmax = graph_def.node.add(name="indices", op="ArgMax", input=["outputs", "axis"])
    argmax.attr["T"].type, argmax.attr["Tidx"].type = tf.float32.as_datatype_enum, tf.int32.as_datatype_enum
    axis = graph_def.node.add(name="axis", op="Const")
    axis.attr["dtype"].type = tf.int32.as_datatype_enum
    axis.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(3))
    assert fold_graph(graph_def, ["indices"], lower=True).output == "FusedBatchNormV3:0"
    monkeypatch.setattr("tfbn.fold.kernels.slope_and_offset", lambda *args: (np.ones(6), np.ones(6)))
    with pytest.raises(ValueError, match="in FusedBatchNormV3:0 after folding FusedBatchNormV3"):
        fold_graph(graph_def, ["indices"], lower=True)


def test_what_has_no_constants_stays():
    graph_def = graphs.built(lambda: tf.identity(by_batch("sqrt")(graphs.images()), name="outputs"))
    folded = fold_graph(graph_def, ["outputs"], lower=True)
    assert [finding.where for finding in folded.left] == ["Sqrt"]
    assert (folded.lowered, folded.graph_def) == ((), graph_def)

"""fold_graph on graphs of every layer, norm and layout, against the graphs as they were."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tests.fold import graphs
from tests.fold.graphs import LINEARS, NORMS, tf1
from tests.fold.networks import TOLERANCE, check, network, optimized, shared_with_another
from tfbn.fold import Fold, fold_arrays, fold_graph

KEPT = [names for count in range(3) for names in itertools.combinations(("gamma", "beta"), count)]


class TestForms:
    @pytest.mark.parametrize("nchw", [False, True], ids=["NHWC", "NCHW"])
    @pytest.mark.parametrize("norm", NORMS)
    @pytest.mark.parametrize("layer", LINEARS)
    def test_behind_every_layer(self, layer, norm, nchw):
        """In every form and both layouts, where other ranks than 4 are reshaped for the fused op."""
        batch = 2 if layer == "Conv2DBackpropInput" else None
        folded = check(network(layer, norm, nchw, batch=batch), nchw)
        assert [each.type for each in folded.folded] == [layer.partition(" ")[0].replace("Conv1D", "Conv2D")]
        assert graphs.types(folded.graph_def).count("BiasAdd") == 1

    @pytest.mark.parametrize("kept", KEPT, ids="-".join)
    @pytest.mark.parametrize("norm", ["tf.nn.batch_normalization", "centred"])
    def test_without_gamma_and_beta(self, norm, kept):
        """Any of them may be absent."""
        check(network("Conv2D", norm, kept=kept))

    @pytest.mark.parametrize("nchw", [False, True], ids=["NHWC", "NCHW"])
    @pytest.mark.parametrize("bias", ["BiasAdd", "Add", "AddV2"])
    @pytest.mark.parametrize(
        "layer, norm", [*itertools.product(["Conv2D", "Conv3D", "MatMul"], ["FusedBatchNormV3", "centred"])]
    )
    def test_with_a_bias_between(self, layer, norm, bias, nchw):
        """It becomes a part of the new one."""
        folded = check(network(layer, norm, nchw, bias=bias), nchw)
        assert graphs.types(folded.graph_def).count("BiasAdd") == 1
        assert not {"Add", "AddV2"} & {*graphs.types(folded.graph_def)}

    @pytest.mark.parametrize("kept", KEPT, ids="-".join)
    @pytest.mark.parametrize("norm", ["tf.nn.batch_normalization", "centred"])
    def test_after_the_graph_optimizer(self, norm, kept):
        """Constants are folded: no Rsqrt tells what it was."""
        graph_def = optimized(network("DepthwiseConv2dNative", norm, kept=kept))
        assert "Rsqrt" not in graphs.types(graph_def)
        assert "Mul" in graphs.types(graph_def)
        check(graph_def)

    @pytest.mark.parametrize("nchw", [False, True], ids=["NHWC", "NCHW"])
    def test_dense_then_reshaped_to_images(self, nchw):
        """Several outputs of the layer to the channel, as at the entrance of a generator."""

        def make():
            codes = tf1.placeholder(tf.float32, [None, 4], name="images")
            net = tf.matmul(codes, graphs.constant(np.random.RandomState(0), 4, 36))
            net = tf.reshape(net, [-1, 6, 3, 2] if nchw else [-1, 3, 2, 6])
            tf.identity(NORMS["FusedBatchNormV3"](net, nchw, **graphs.statistics(6)), name="outputs")

        graph_def, codes = graphs.built(make), np.random.RandomState(1).normal(1.0, 1.0, (5, 4)).astype(np.float32)
        folded = fold_graph(graph_def, inputs={"images": codes})
        assert not folded.left
        (expected,), (found,) = (
            graphs.run(each, ["outputs"], {"images": codes}) for each in (graph_def, folded.graph_def)
        )
        assert np.abs(found - expected).max() <= TOLERANCE * np.abs(expected).max()

    def test_dense_on_sequences(self):
        """The sizes around a reshape that only the run knows; the channels are last."""

        def make():
            x = tf1.placeholder(tf.float32, [None, None, 4], name="images")
            net = tf.matmul(tf.reshape(x, [-1, 4]), graphs.constant(np.random.RandomState(0), 4, 6))
            net = tf.reshape(net, tf.concat([tf.shape(x)[:2], [6]], 0))
            tf.nn.relu(NORMS["centred"](net, False, **graphs.statistics(6)), name="outputs")

        folded = fold_graph(graphs.built(make), ["outputs"])
        assert ([each.type for each in folded.folded], folded.left) == (["MatMul"], [])
        assert folded.difference <= TOLERANCE

    def test_two_in_a_row(self):
        """And a multiplication behind them, which is folded in as well."""

        def make():
            x = LINEARS["Conv2D"](graphs.images(), np.random.RandomState(0), False)
            x = NORMS["FusedBatchNormV3"](x, False, **graphs.statistics(6))
            x = NORMS["centred"](tf.identity(x), False, **graphs.statistics(6))
            tf.nn.relu(x * 0.5, name="outputs")

        folded = check(graphs.built(make))
        assert len(folded.folded) == 2
        assert [t for t in graphs.types(folded.graph_def) if t != "Const"] == [
            "Placeholder",
            "Conv2D",
            "BiasAdd",
            "Relu",
        ]

    def test_float64(self):
        """Weights keep their dtype."""

        def make():
            x = tf1.placeholder(tf.float64, [None, 7, 6, 4], name="images")
            x = tf.nn.conv2d(x, np.random.RandomState(0).normal(0.2, 0.5, (3, 3, 4, 6)), 1, "VALID")
            given = {name: value.astype(np.float64) for name, value in graphs.statistics(6).items()}
            tf.nn.relu(NORMS["tf.nn.batch_normalization"](x, False, **given), name="outputs")

        folded = fold_graph(graphs.built(make), tolerance=1e-14)
        assert 0 <= folded.difference < 1e-14
        assert folded.folded


class TestResult:
    def test_weights_are_those_of_fold_arrays(self):
        """To the last bit."""
        graph_def = network("Conv2D", "FusedBatchNormV3")
        folded = fold_graph(graph_def)
        constants = {
            node.name: tf.make_ndarray(node.attr["value"].tensor)
            for node in folded.graph_def.node
            if node.op == "Const"
        }
        kernel = graphs.constant(np.random.RandomState(0), 3, 2, 4, 6)
        # The op keeps its epsilon in float32.
        expected = fold_arrays(kernel, epsilon=float(np.float32(0.01)), **graphs.statistics(6))
        assert len(constants) == 2
        assert np.array_equal(constants["Conv2D/folded_kernel"], expected.kernel)
        assert np.array_equal(constants["Conv2D/folded_bias"], expected.bias)

    def test_names_stay(self):
        """What asked for the batch norm's output still finds it, without a batch norm."""
        graph_def = network("Conv2D", "FusedBatchNormV3")
        folded = fold_graph(graph_def, ["FusedBatchNormV3", "outputs"])
        assert folded.folded == [Fold("FusedBatchNormV3", "Conv2D", "Conv2D")]
        feed = {"images": graphs.batch_of()}
        for one, other in zip(
            *(graphs.run(each, ["FusedBatchNormV3"], feed) for each in (graph_def, folded.graph_def))
        ):
            np.testing.assert_allclose(one, other, atol=TOLERANCE * np.abs(one).max())

    def test_names_behind_a_reshape_stay(self):
        """The op that was the batch norm only hands on what the layer gives."""
        graph_def = network("MatMul", "FusedBatchNormV3", bias="BiasAdd")
        folded = fold_graph(graph_def, ["FusedBatchNormV3"])
        (node,) = [node for node in folded.graph_def.node if node.name == "FusedBatchNormV3"]
        assert (node.op, folded.output) == ("Identity", "FusedBatchNormV3:0")
        assert folded.difference <= TOLERANCE

    def test_shared_kernels(self):
        """Two layers with one kernel, two batch norms: each layer gets a kernel of its own."""

        def make():
            kernel = tf.constant(graphs.constant(np.random.RandomState(0), 3, 3, 4, 6))
            x = graphs.images()
            first, second = (tf.nn.conv2d(each, kernel, 1, "SAME") for each in (x, x + 1))
            first = NORMS["FusedBatchNormV3"](first, False, **graphs.statistics(6))
            second = NORMS["FusedBatchNormV3"](second, False, **graphs.statistics(6, ()))
            tf.identity(first * second, name="outputs")

        folded = fold_graph(graphs.built(make))
        assert (len(folded.folded), folded.left) == (2, [])
        assert folded.difference <= TOLERANCE

    def test_unneeded_nodes_are_omitted(self):
        """But for placeholders."""

        def make():
            graphs.images()
            tf.negative(tf1.placeholder(tf.float32, [3], name="other"), name="negative")
            tf.import_graph_def(network("Conv2D", "FusedBatchNormV3"), {"images:0": graphs.images()}, name="net")

        graph_def = graphs.built(make)
        names = {node.name for node in fold_graph(graph_def, ["net/outputs"]).graph_def.node}
        assert "other" in names
        assert "negative" not in names
        assert {"other", "negative"} <= {node.name for node in fold_graph(graph_def).graph_def.node}

    def test_printed(self):
        """What went where, what stays and why, and the worst difference."""
        text = str(fold_graph(shared_with_another(), ["outputs", "other"]))
        assert text == (
            "Folded: 0. Left as they are: 1.\n"
            "  FusedBatchNormV3 stays: the output of Conv2D in front of it is used by other as well."
        )
        lines = str(fold_graph(network("Conv2D", "FusedBatchNormV3"))).splitlines()
        assert lines[:2] == ["Folded: 1. Left as they are: 0.", "  FusedBatchNormV3 into Conv2D (Conv2D)"]
        assert lines[2].startswith("Outputs agree to ")
        assert lines[2].endswith(" of the largest (outputs:0).")

"""What fold_graph leaves as it is, and why."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.fold import graphs
from tests.fold.graphs import LINEARS, NORMS, tf1
from tests.fold.networks import behind, network, shared_with_another
from tfbn.fold import fold_graph


class TestLeft:
    @pytest.mark.parametrize(
        "norm, name",
        [
            ("FusedBatchNormV3", "FusedBatchNormV3"),
            ("centred", "mul_1"),
            ("tf.nn.batch_normalization", "batchnorm/mul_1"),
        ],
    )
    def test_where_another_uses_the_layers_output(self, norm, name):
        """It stays, the graph runs as before, and the user is named."""
        graph_def = shared_with_another(norm=norm)
        folded = fold_graph(graph_def)
        assert folded.folded == []
        assert [(finding.where, finding.problem) for finding in folded.left] == [
            (name, "the output of Conv2D in front of it is used by other as well")
        ]
        assert folded.graph_def == graph_def

    def test_two_batch_norms_of_one_layer(self):
        """Each names the other."""

        def make():
            x = LINEARS["Conv2D"](graphs.images(), np.random.RandomState(0), False)
            first = NORMS["FusedBatchNormV3"](x, False, **graphs.statistics(6))
            tf.identity(first + NORMS["centred"](x, False, **graphs.statistics(6)), name="outputs")

        reason = "the output of Conv2D in front of it is used by {} as well"
        left = {finding.where: finding.problem for finding in fold_graph(graphs.built(make)).left}
        assert left == {"FusedBatchNormV3": reason.format("sub"), "mul_1": reason.format("FusedBatchNormV3")}

    def test_where_the_layers_output_is_asked_for(self):
        """By its name."""
        (left,) = fold_graph(network("Conv2D", "FusedBatchNormV3"), ["Conv2D", "outputs"]).left
        assert left.problem == "the output of Conv2D in front of it is an output of the graph"

    def test_where_the_bias_has_another_user(self):
        """It is behind the layer that the way ends."""

        def make():
            x = LINEARS["Conv2D"](graphs.images(), np.random.RandomState(0), False)
            x = graphs.biased(x, "BiasAdd", False)
            x = NORMS["FusedBatchNormV3"](x, False, **graphs.statistics(6)) + tf.nn.relu(x, name="relu")
            tf.identity(x, name="outputs")

        (left,) = fold_graph(graphs.built(make)).left
        assert left.problem == "the output of BiasAdd in front of it is used by relu as well"

    def test_where_its_shape_is_used(self):
        """That is no use of its values."""
        folded = fold_graph(shared_with_another(lambda x: tf.shape(x, name="other")), ["outputs", "other"])
        assert (len(folded.folded), folded.left) == (1, [])
        assert "FusedBatchNormV3" not in graphs.types(folded.graph_def)

    def test_where_an_op_waits_for_it(self):
        """A control edge is a use."""

        def wait(x):
            with tf.control_dependencies([x]):
                tf.no_op(name="waiting")

        (left,) = fold_graph(shared_with_another(wait)).left
        assert left.problem == "the output of Conv2D in front of it is used by waiting as well"

    @pytest.mark.parametrize("norm", ["FusedBatchNormV3", "tf.nn.batch_normalization"])
    def test_behind_something_else(self, norm):
        """What it is."""
        (left,) = fold_graph(behind(lambda x: tf.nn.relu(x, name="relu"), norm)).left
        assert left.problem == "in front of it is no linear layer but relu (Relu)"

    def test_in_training_mode(self):
        """It is named: folding it would change what the graph computes."""

        def make():
            x = LINEARS["Conv2D"](graphs.images(), np.random.RandomState(0), False)
            y = tf.raw_ops.FusedBatchNormV3(x=x, scale=np.ones(6, "f"), offset=np.ones(6, "f"), mean=[], variance=[]).y
            tf.identity(y, name="outputs")

        graph_def = graphs.built(make)
        (left,) = fold_graph(graph_def).left
        assert left.problem.startswith("it normalizes by the batch: make an inference graph first, with tfbn.export")
        (node,) = [node for node in graph_def.node if node.op == "FusedBatchNormV3"]
        del node.attr["is_training"]  # as graphs exported without default attributes have it
        assert fold_graph(graph_def).left == [left]

    def test_statistics_that_are_fed(self):
        """They are no constants."""

        def make():
            x = LINEARS["Conv2D"](graphs.images(), np.random.RandomState(0), False)
            given = graphs.statistics(6)
            given["moving_mean"] = tf1.placeholder_with_default(given["moving_mean"], [6])
            y = tf.raw_ops.FusedBatchNormV3(
                x=x, scale=given["gamma"], offset=given["beta"], mean=given["moving_mean"],
                variance=given["moving_variance"], is_training=False,
            ).y  # fmt: skip
            tf.identity(y, name="outputs")

        (left,) = fold_graph(graphs.built(make)).left
        assert left.problem == "its parameters or statistics are not constants"

    def test_a_kernel_that_is_fed(self):
        """Named with its layer."""

        def make():
            kernel = tf1.placeholder_with_default(np.ones((3, 3, 4, 6), "f"), [3, 3, 4, 6])
            x = tf.nn.conv2d(graphs.images(), kernel, 1, "SAME")
            tf.identity(NORMS["FusedBatchNormV3"](x, False, **graphs.statistics(6)), name="outputs")

        (left,) = fold_graph(graphs.built(make)).left
        assert left.problem == "the kernel of Conv2D is no constant"

    def test_over_positions_instead_of_channels(self):
        """Nothing is folded that multiplies each column by its own number."""

        def make():
            x = LINEARS["Conv2D"](graphs.images(), np.random.RandomState(0), False)
            y = tf.transpose(x, [0, 1, 3, 2])  # the width is last, and as large as the channels
            tf.identity(NORMS["FusedBatchNormV3"](y, False, **graphs.statistics(6)), name="outputs")

        (left,) = fold_graph(graphs.built(make)).left
        assert left.problem == "its constants are not one value for each output channel of Conv2D"

    def test_a_leaky_relu_is_no_batch_norm(self):
        """Nor is PReLU with a slope for each channel."""

        def make():
            x = LINEARS["Conv2D"](graphs.images(), np.random.RandomState(0), False)
            slopes = np.linspace(0.1, 0.6, 6, dtype=np.float32)
            tf.identity(tf.maximum(x, 0.2 * x) + tf.nn.relu(x) - slopes * tf.nn.relu(-x), name="outputs")

        folded = fold_graph(graphs.built(make))
        assert (folded.folded, folded.left) == ([], [])

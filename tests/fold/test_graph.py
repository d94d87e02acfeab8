"""fold_graph on graphs of every layer, norm and layout, against the graphs as they were."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tests.fold import graphs
from tests.fold.graphs import BATCH_NORMS, LINEARS, NORMS, tf1
from tfbn.fold import Fold, fold_arrays, fold_graph

# What fold_graph promises, of the largest output; here, networks of one layer, some 20 roundings of 6e-8.
TOLERANCE = 2e-6
KEPT = [names for count in range(3) for names in itertools.combinations(("gamma", "beta"), count)]


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

    def test_what_outputs_do_not_need_is_left_out(self):
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
        assert folded.left == [(name, "the output of Conv2D in front of it is used by other as well")]
        assert folded.graph_def == graph_def

    def test_two_batch_norms_of_one_layer(self):
        """Each names the other."""

        def make():
            x = LINEARS["Conv2D"](graphs.images(), np.random.RandomState(0), False)
            first = NORMS["FusedBatchNormV3"](x, False, **graphs.statistics(6))
            tf.identity(first + NORMS["centred"](x, False, **graphs.statistics(6)), name="outputs")

        reason = "the output of Conv2D in front of it is used by {} as well"
        left = dict(fold_graph(graphs.built(make)).left)
        assert left == {"FusedBatchNormV3": reason.format("sub"), "mul_1": reason.format("FusedBatchNormV3")}

    def test_where_the_layers_output_is_asked_for(self):
        """By its name."""
        (left,) = fold_graph(network("Conv2D", "FusedBatchNormV3"), ["Conv2D", "outputs"]).left
        assert left.reason == "the output of Conv2D in front of it is an output of the graph"

    def test_where_the_bias_has_another_user(self):
        """It is behind the layer that the way ends."""

        def make():
            x = LINEARS["Conv2D"](graphs.images(), np.random.RandomState(0), False)
            x = graphs.biased(x, "BiasAdd", False)
            x = NORMS["FusedBatchNormV3"](x, False, **graphs.statistics(6)) + tf.nn.relu(x, name="relu")
            tf.identity(x, name="outputs")

        (left,) = fold_graph(graphs.built(make)).left
        assert left.reason == "the output of BiasAdd in front of it is used by relu as well"

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
        assert left.reason == "the output of Conv2D in front of it is used by waiting as well"

    @pytest.mark.parametrize("norm", ["FusedBatchNormV3", "tf.nn.batch_normalization"])
    def test_behind_something_else(self, norm):
        """What it is."""
        (left,) = fold_graph(behind(lambda x: tf.nn.relu(x, name="relu"), norm)).left
        assert left.reason == "in front of it is no linear layer but relu (Relu)"

    def test_in_training_mode(self):
        """It is named: folding it would change what the graph computes."""

        def make():
            x = LINEARS["Conv2D"](graphs.images(), np.random.RandomState(0), False)
            y = tf.raw_ops.FusedBatchNormV3(x=x, scale=np.ones(6, "f"), offset=np.ones(6, "f"), mean=[], variance=[]).y
            tf.identity(y, name="outputs")

        graph_def = graphs.built(make)
        (left,) = fold_graph(graph_def).left
        assert left.reason.startswith("it normalizes by the batch: make an inference graph first, with tfbn.export")
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
        assert left.reason == "its parameters or statistics are no constants"

    def test_a_kernel_that_is_fed(self):
        """Named with its layer."""

        def make():
            kernel = tf1.placeholder_with_default(np.ones((3, 3, 4, 6), "f"), [3, 3, 4, 6])
            x = tf.nn.conv2d(graphs.images(), kernel, 1, "SAME")
            tf.identity(NORMS["FusedBatchNormV3"](x, False, **graphs.statistics(6)), name="outputs")

        (left,) = fold_graph(graphs.built(make)).left
        assert left.reason == "the kernel of Conv2D is no constant"

    def test_over_positions_instead_of_channels(self):
        """Nothing is folded that multiplies each column by its own number."""

        def make():
            x = LINEARS["Conv2D"](graphs.images(), np.random.RandomState(0), False)
            y = tf.transpose(x, [0, 1, 3, 2])  # the width is last, and as large as the channels
            tf.identity(NORMS["FusedBatchNormV3"](y, False, **graphs.statistics(6)), name="outputs")

        (left,) = fold_graph(graphs.built(make)).left
        assert left.reason == "its constants are not one value for each output channel of Conv2D"

    def test_a_leaky_relu_is_no_batch_norm(self):
        """Nor is PReLU with a slope for each channel."""

        def make():
            x = LINEARS["Conv2D"](graphs.images(), np.random.RandomState(0), False)
            slopes = np.linspace(0.1, 0.6, 6, dtype=np.float32)
            tf.identity(tf.maximum(x, 0.2 * x) + tf.nn.relu(x) - slopes * tf.nn.relu(-x), name="outputs")

        folded = fold_graph(graphs.built(make))
        assert (folded.folded, folded.left) == ([], [])


class TestVerification:
    def test_a_wrong_kernel_is_refused(self, monkeypatch):
        """With the difference, the output and the limit."""
        monkeypatch.setattr("tfbn.fold.kernels.scale_outputs", lambda layer, kernel, slope: kernel * slope * 1.0001)
        with pytest.raises(
            ValueError, match=r"agree to 1e-05 of the largest, got a difference of \d\.\de-0\d in outputs:0"
        ):
            fold_graph(network("Conv2D", "FusedBatchNormV3"))

    @staticmethod
    def half(**changed):
        """A network of float16."""

        def make():
            x = tf1.placeholder(tf.float16, [None, 7, 6, 4], name="images")
            kernel = graphs.constant(np.random.RandomState(0), 3, 3, 4, 6).astype(np.float16)
            x = tf.nn.conv2d(x, kernel, 1, "SAME")
            given = {**graphs.statistics(6), **changed}
            tf.identity(NORMS["FusedBatchNormV3"](x, False, **given), name="outputs")

        return graphs.built(make)

    def test_weights_that_overflow_are_refused(self):
        """Beyond float16, which the outputs themselves are not, for inputs as small as these."""
        wide = {"gamma": np.full(6, 6e4, np.float32), "moving_mean": np.zeros(6, np.float32)}
        small = {"images": np.full((1, 7, 6, 4), 1e-4, np.float16)}
        with pytest.raises(ValueError, match="got a difference of inf in outputs:0"):
            fold_graph(self.half(**wide), inputs=small, tolerance=0.1)

    def test_half_precision_needs_a_tolerance(self):
        """1e-5 is less than a rounding of float16."""
        graph_def = self.half()
        with pytest.raises(ValueError, match="tolerance: expected outputs that agree to 1e-05"):
            fold_graph(graph_def)
        folded = fold_graph(graph_def, tolerance=1e-2)
        # Eleven bits: 5e-4 for each rounding.
        assert 1e-5 < folded.difference < 5e-3

    def test_integer_outputs(self, monkeypatch):
        """The batch norms' own outputs are compared where the graph's are indices."""

        def make():
            x = LINEARS["MatMul"](graphs.images(), np.random.RandomState(0), False)
            tf.argmax(NORMS["FusedBatchNormV3"](x, False, **graphs.statistics(6)), 1, name="outputs")

        graph_def = graphs.built(make)
        folded = fold_graph(graph_def)
        assert folded.output == "FusedBatchNormV3:0"
        assert folded.difference <= TOLERANCE
        monkeypatch.setattr("tfbn.fold.kernels.scale_outputs", lambda layer, kernel, slope: kernel * slope * 1.0001)
        with pytest.raises(ValueError, match="FusedBatchNormV3:0"):
            fold_graph(graph_def)

    def test_the_worst_of_several_inputs(self):
        """Of several outputs as well."""
        graph_def = network("Conv2D", "FusedBatchNormV3")
        batches = [{"images": graphs.batch_of(count=count)} for count in (1, 3)]
        single = [fold_graph(graph_def, ["outputs"], inputs=batch).difference for batch in batches]
        assert fold_graph(graph_def, ["outputs"], inputs=iter(batches)).difference == max(single)

    def test_random_inputs(self):
        """Of every dtype that numbers can be made for."""

        def make():
            x = LINEARS["Conv2D"](graphs.images(), np.random.RandomState(0), False)
            y = NORMS["FusedBatchNormV3"](x, False, **graphs.statistics(6))
            wanted = tf1.placeholder(tf.bool, [], name="wanted")
            indices = tf1.placeholder(tf.int32, [None], name="indices")
            tf.where(wanted, tf.zeros([]), tf.reduce_sum(tf.gather(y, indices)), name="outputs")

        assert fold_graph(graphs.built(make)).folded

    @pytest.mark.parametrize(
        "inputs, text",
        [
            ({"images": np.ones((2, 7, 6, 3), "f")}, "inputs: expected some that the graph runs on"),
            ({"image": np.ones((2, 7, 6, 4), "f")}, "inputs: expected some that the graph runs on"),
            ({"images": np.full((2, 7, 6, 4), np.nan, "f")}, "inputs: expected some that give finite outputs"),
            ([], "inputs: expected a dict from names to arrays, or several, got none at all"),
        ],
    )
    def test_inputs_that_do_not_do(self, inputs, text):
        """Say so."""
        with pytest.raises(ValueError, match=text):
            fold_graph(network("Conv2D", "centred"), inputs=inputs)

    def test_inputs_that_cannot_be_made_up(self):
        """Strings, and unknown ranks."""

        def make():
            images = tf.io.decode_raw(tf1.placeholder(tf.string, [None], name="images"), tf.float32)
            x = LINEARS["Conv2D"](tf.reshape(images, [-1, 7, 6, 4]), np.random.RandomState(0), False)
            tf.identity(NORMS["centred"](x, False, **graphs.statistics(6)), name="outputs")

        graph_def = graphs.built(make)
        with pytest.raises(ValueError, match="inputs: expected values for images, of dtype string"):
            fold_graph(graph_def)
        assert fold_graph(graph_def, inputs={"images": [batch.tobytes() for batch in graphs.batch_of()]}).folded


class TestErrors:
    def test_not_frozen(self):
        """The variable is named, and the way to freeze."""

        def make():
            x = graphs.images() * tf1.get_variable("scale", [4])
            tf.identity(x, name="outputs")

        with pytest.raises(ValueError, match="expected a frozen graph, got one with the variable scale.*tfbn.export"):
            fold_graph(graphs.built(make))

    def test_unknown_outputs(self):
        with pytest.raises(ValueError, match="outputs: expected names of the graph's tensors or ops, got 'output'"):
            fold_graph(network("Conv2D", "centred"), "output")

    def test_tolerance(self):
        with pytest.raises(ValueError, match="tolerance: expected a number of at least 0, got -1"):
            fold_graph(network("Conv2D", "centred"), tolerance=-1)

    def test_unknown_ops(self):
        graph_def = network("Conv2D", "centred")
        graph_def.node.add(name="x", op="NoSuchOp")
        with pytest.raises(ValueError, match="expected a graph that can be imported, got one that cannot: .*NoSuchOp"):
            fold_graph(graph_def)


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

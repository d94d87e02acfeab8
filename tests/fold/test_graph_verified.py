"""fold_graph verifies what it has made, and refuses what is no frozen graph."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.fold import graphs
from tests.fold.graphs import LINEARS, NORMS, tf1
from tests.fold.networks import TOLERANCE, network
from tfbn.fold import fold_graph


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
            ({"images": np.ones((2, 7, 6, 3), "f")}, "inputs: expected arrays that the graph runs on"),
            ({"image": np.ones((2, 7, 6, 4), "f")}, "that the graph runs on, got 'image', .* Is it images?"),
            ({"images:1": np.ones((2, 7, 6, 4), "f")}, r"got 'images:1': images \(Placeholder\) has 1 output"),
            ({"images": np.ones((2, 7, 6, 4), "f"), "images:0": 1}, "that the graph runs on, got images:0 twice"),
            ({3: np.ones((2, 7, 6, 4), "f")}, "that the graph runs on, got 3"),
            ({"images": np.ones((2, 7, 6, 4), "D")}, "graph runs on, images:0 of dtype float32, got complex128"),
            ({"images": np.full((2, 7, 6, 4), "1.0")}, "graph runs on, images:0 of dtype float32, got <U3"),
            ({"images": np.zeros((2, 7, 6, 4), "M8[s]")}, r"images:0 of dtype float32, got datetime64\[s\]"),
            ({"images": np.zeros((2, 7, 6, 4), "V4")}, r"images:0 of dtype float32, got \|V4"),
            ({"images": np.full((2, 7, 6, 4), np.nan, "f")}, "inputs: expected arrays that give finite outputs"),
            ([], "inputs: expected a dict from names to arrays, or several, got an empty list"),
        ],
    )
    def test_inputs_that_do_not_do(self, inputs, text):
        """Say so."""
        with pytest.raises(ValueError, match=text):
            fold_graph(network("Conv2D", "centred"), inputs=inputs)

    def test_inputs_without_default_values(self):
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

    @pytest.mark.parametrize(
        "outputs, text",
        [
            (["outputs:1"], r"got 'outputs:1': outputs \(Relu\) has 1 output, outputs:0"),
            (["outputs", "outputs:0"], "expected each tensor or op once, got outputs:0 twice"),
            (["^outputs"], "got '\\^outputs', which is a control input"),
            ([], "expected at least one name of a tensor or an op, got none"),
            ([3], "expected names of the graph's tensors or ops, got 3"),
        ],
    )
    def test_outputs_that_it_does_not_have(self, outputs, text):
        """An index beyond the op's, a duplicate, a control input."""
        with pytest.raises(ValueError, match=f"^outputs: .*{text}"):
            fold_graph(network("Conv2D", "centred"), outputs)

    def test_outputs_beside_functions(self):
        """The call of a function has as many outputs as the function; an op without a value can be kept."""

        def make():
            called = tf.function(lambda x: (x, x * 2.0), autograph=False)(graphs.images())
            with tf.control_dependencies(called):
                tf.no_op(name="done")

        graph_def = graphs.built(make)
        (call,) = (node.name for node in graph_def.node if "PartitionedCall" in node.op)
        assert fold_graph(graph_def, [f"{call}:1", "done"]).folded == []
        with pytest.raises(ValueError, match=rf"got '{call}:2': {call} .* has 2 outputs"):
            fold_graph(graph_def, [f"{call}:2"])
        with pytest.raises(ValueError, match=r"got 'done:0': done \(NoOp\) has no outputs"):
            fold_graph(graph_def, ["done:0"])

    def test_a_graph_with_a_part_missing(self):
        graph_def = network("Conv2D", "centred")
        graph_def.node.add(name="x", op="Identity", input=["gone"])
        with pytest.raises(ValueError, match="got one in which x takes gone, which is not there"):
            fold_graph(graph_def)

    def test_tolerance(self):
        with pytest.raises(ValueError, match="tolerance: expected a number of at least 0, got -1"):
            fold_graph(network("Conv2D", "centred"), tolerance=-1)

    def test_unknown_ops(self):
        graph_def = network("Conv2D", "centred")
        graph_def.node.add(name="x", op="NoSuchOp")
        with pytest.raises(ValueError, match="expected a graph that can be imported, got one that cannot: .*NoSuchOp"):
            fold_graph(graph_def)

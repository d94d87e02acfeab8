"""fold_graph on graphs as they are frozen: by the original, and by TensorFlow's two functions for what tfbn builds."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.fold import graphs
from tests.fold.graphs import BATCH_NORMS, tf1
from tests.graph import regimes
from tfbn.fold import fold_graph

DATA = Path(__file__).with_name("data")
# The promise of fold_graph, for networks of a dozen layers.
TOLERANCE = 1e-5


def read(name):
    with gzip.open(DATA / name) as file:
        return tf1.GraphDef.FromString(file.read())


class TestOriginal:
    """Networks of tf.contrib.layers, frozen by TensorFlow 1.15.5."""

    # The graph optimizer of 1.15.5 multiplies kernels by itself; and it leaves the norm behind a relu as plain
    # multiplication and addition, which nothing tells from others.
    FOLDED = {"contrib.pb.gz": 11, "optimized.pb.gz": 8, "nchw.pb.gz": 9}

    @pytest.mark.parametrize("name", FOLDED)
    def test_nothing_foldable_is_left(self, name):
        """A batch norm behind a relu goes into the dense layer behind it."""
        graph_def = read(name)
        assert {*BATCH_NORMS, "Mul"} & {*graphs.types(graph_def)}
        folded = fold_graph(graph_def, ["outputs"])
        assert len(folded.folded) == self.FOLDED[name]
        assert folded.left == []
        assert not {*BATCH_NORMS} & {*graphs.types(folded.graph_def)}
        assert folded.difference <= TOLERANCE
        assert fold_graph(folded.graph_def, ["outputs"]).folded == []

    @pytest.mark.parametrize("name", ["contrib.pb.gz", "optimized.pb.gz"])
    def test_outputs_are_those_of_the_original(self, name):
        """As 1.15.5 computed them, from the graph with its batch norms."""
        recorded = np.load(DATA / "contrib.npz")
        folded = fold_graph(read(name), ["outputs"])
        (found,) = graphs.run(folded.graph_def, ["outputs"], {"images": recorded["images"]})
        assert np.abs(found - recorded["outputs"]).max() <= TOLERANCE * np.abs(recorded["outputs"]).max()


def network(images, is_training=False, data_format="NHWC"):
    """tfbn's layers of ranks 4 and 2, fused and composed."""
    with tfbn.arg_scope([tfbn.batch_norm], is_training=is_training, scale=True, data_format=data_format):
        shape = [3, 3, 4, 5]
        net = tf.nn.conv2d(images, tf1.get_variable("kernel1", shape), 1, "SAME", data_format=data_format)
        net = tf.nn.relu(tfbn.batch_norm(net, scope="norm1"))
        net = tf.nn.conv2d(net, tf1.get_variable("kernel2", [3, 3, 5, 5]), 1, "SAME", data_format=data_format)
        net = tfbn.batch_norm(net, scope="norm2", activation_fn=tf.nn.relu, fused=False)
        net = tf.reduce_mean(net, [1, 2] if data_format == "NHWC" else [2, 3])
    net = tfbn.batch_norm(net @ tf1.get_variable("kernel3", [5, 6]), scope="norm3", is_training=False)
    net = tfbn.batch_norm(
        tf.nn.relu(net) @ tf1.get_variable("kernel4", [6, 3]), scope="norm4", is_training=False, fused=False
    )
    return tf.identity(net, name="outputs")


def randomize(variable, value, random):
    name = variable.name
    if "kernel" in name:
        return random.normal(0.0, 0.5, value.shape)
    return random.gamma(3.0, 0.4, value.shape) if "variance" in name else random.normal(0.8, 0.5, value.shape)


class TestTfbn:
    @pytest.mark.parametrize("data_format", ["NHWC", "NCHW"])
    @pytest.mark.parametrize("resource", [False, True], ids=["ref", "resource"])
    def test_frozen_by_version_1(self, resource, data_format):
        """tf.compat.v1.graph_util.convert_variables_to_constants, of ref and of resource variables."""
        random = np.random.RandomState(0)
        with regimes.graph(resource=resource) as graph, tf1.Session() as session:
            network(graphs.images(data_format == "NCHW"), data_format=data_format)
            session.run(tf1.global_variables_initializer())
            for variable in tf1.global_variables():
                variable.load(randomize(variable, session.run(variable), random).astype(np.float32), session)
            freeze = tf1.graph_util.convert_variables_to_constants
            frozen = freeze(session, graph.as_graph_def(), ["outputs"])
        self.check(frozen, data_format == "NCHW", "outputs")

    def test_frozen_by_version_2(self):
        """convert_variables_to_constants_v2, which inlines functions, of a TF1Module in a tf.function."""
        from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

        model = tfbn.TF1Module(network)
        function = tf.function(lambda images: model(images, False), autograph=False)
        concrete = function.get_concrete_function(tf.TensorSpec([None, 7, 6, 4], name="images"))
        random = np.random.RandomState(0)
        for variable in model.variables:
            variable.assign(randomize(variable, variable.numpy(), random))
        frozen = convert_variables_to_constants_v2(concrete).graph.as_graph_def()
        assert any(node.input[-1:] == ["^NoOp"] for node in frozen.node)
        folded = self.check(frozen, False, "Identity")
        # Edges of control to the old weights would have kept them.
        size = sum(node.ByteSize() for node in folded.graph_def.node)
        assert size < sum(node.ByteSize() for node in frozen.node)

    def test_module_frozen_by_version_2(self):
        """tfbn.BatchNorm."""
        from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

        random = np.random.RandomState(0)
        norms = [tfbn.BatchNorm(6, scale=True), tfbn.BatchNorm(3, fused=False)]
        for variable in [variable for norm in norms for variable in norm.variables]:
            variable.assign(randomize(variable, variable.numpy(), random))
        kernels = [tf.Variable(graphs.constant(random, *shape)) for shape in ((3, 3, 4, 6), (6, 3))]

        def predict(images):
            net = tf.nn.relu(norms[0](tf.nn.conv2d(images, kernels[0], 1, "SAME"), False))
            return norms[1](tf.reduce_mean(net, [1, 2]) @ kernels[1], False)

        concrete = tf.function(predict, autograph=False).get_concrete_function(
            tf.TensorSpec([None, 7, 6, 4], name="images")
        )
        frozen = convert_variables_to_constants_v2(concrete).graph.as_graph_def()
        folded = self.check(frozen, False, "Identity", count=2)
        assert "MatMul" in graphs.types(folded.graph_def)

    def check(self, frozen, nchw, output, count=4):
        folded = fold_graph(frozen, [output])
        assert (len(folded.folded), folded.left) == (count, [])
        assert not {*BATCH_NORMS} & {*graphs.types(folded.graph_def)}
        assert folded.difference <= TOLERANCE
        feed = {"images": graphs.batch_of(nchw, 5)}
        (expected,), (found,) = (graphs.run(each, [output], feed) for each in (frozen, folded.graph_def))
        assert expected.any()
        assert np.abs(found - expected).max() <= TOLERANCE * np.abs(expected).max()
        return folded

    def test_functions_that_are_not_inlined(self):
        """Are named, with what to do."""

        def make():
            @tf.function(autograph=False)
            def normalize(x):
                return graphs.NORMS["FusedBatchNormV3"](x, False, **graphs.statistics(4))

            tf.identity(normalize(graphs.images()), name="outputs")

        (left,) = fold_graph(graphs.built(make), ["outputs"]).left
        assert left.problem == "it is in a function: freeze the graph with its functions inlined"

"""Sessions, graphs and GraphDefs, and where the values of their variables come from."""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.export.exported import randomize, run
from tests.graph.regimes import graph, session
from tfbn.export.source import open_source
from tfbn.graph import registry

tf1 = tf.compat.v1
IMAGES = np.random.RandomState(1).normal(1.0, 2.0, [8, 3]).astype(np.float32)


@pytest.fixture(params=[False, True], ids=["ref", "resource"])
def trained(request, tmp_path):
    """A graph with partitioned variables, a checkpoint of it, and what its session infers."""
    with graph(request.param) as opened:
        x = tf1.placeholder(tf.float32, [None, 3], name="x")
        is_training = tf1.placeholder(tf.bool, [], name="is_training")
        with tf1.variable_scope("net", partitioner=tf1.fixed_size_partitioner(3)):
            kernel = tf.convert_to_tensor(tf1.get_variable("kernel", [3, 7]))
        y = tfbn.batch_norm(tf.matmul(x, kernel), is_training=is_training, scope="norm")
        with session() as running:
            randomize(running)
            checkpoint = tf1.train.Saver().save(running, str(tmp_path / "model"), write_meta_graph=False)
            expected = running.run(y, {x: IMAGES, is_training: False})
            yield opened, running, checkpoint, y.name, expected


SOURCES = {
    "session": lambda opened, running: (running, False),
    "session and checkpoint": lambda opened, running: (running, True),
    "graph": lambda opened, running: (opened, True),
    "GraphDef": lambda opened, running: (opened.as_graph_def(), True),
    "MetaGraphDef": lambda opened, running: (tf1.train.export_meta_graph(), True),
}


@pytest.mark.parametrize("name", SOURCES)
def test_all_give_the_same(trained, name):
    """The session's numbers; by its values or, where a checkpoint is named, by those in it."""
    opened, running, checkpoint, output, expected = trained
    source, by_checkpoint = SOURCES[name](opened, running)
    if by_checkpoint:
        randomize(running, seed=5)
    exported = tfbn.export.inference_graph(source, output, checkpoint=checkpoint if by_checkpoint else None)
    assert sum(name.startswith("net/kernel/part_") for name in exported.report.frozen) == 3
    np.testing.assert_allclose(run(exported.graph_def, output, {"x:0": IMAGES}), expected, rtol=1e-5)


def test_a_finalized_graph_will_do(trained):
    """Nothing is added to it, not for reading the values either."""
    opened, running, _, output, _ = trained
    opened.finalize()
    assert tfbn.export.inference_graph(running, output).report.layers == ("norm",)


def test_missing_values_are_named(trained, tmp_path):
    """What is wanted, and what the checkpoint has instead."""
    opened, running, checkpoint, output, _ = trained
    with pytest.raises(ValueError, match="values of the variables net/kernel/part_0.*and 1 more: give a Session"):
        tfbn.export.inference_graph(opened, output)
    names = {"other": tf1.global_variables()[-1]}
    other = tf1.train.Saver(names).save(running, str(tmp_path / "other"), write_meta_graph=False)
    with pytest.raises(ValueError, match="under the name of its op, got none for net/kernel.*; it holds other"):
        tfbn.export.inference_graph(opened, output, checkpoint=other)
    with pytest.raises(ValueError, match="a checkpoint that TensorFlow reads, got .*nowhere"):
        tfbn.export.inference_graph(opened, output, checkpoint=tmp_path / "nowhere")


def test_what_is_no_source_is_refused():
    with pytest.raises(ValueError, match="`source` to be a Session, a Graph, .*got str"):
        tfbn.export.inference_graph("model.pb", "y")


def test_layers_in_functions_are_not_remembered():
    """Their ops may have the names of others in the graph around."""
    with graph(True, control_flow_v2=True) as opened:
        x = tf1.placeholder(tf.float32, [None, 3], name="x")
        tf1.cond(tf.reduce_sum(x) > 0, lambda: tfbn.batch_norm(x, scope="inside"), lambda: x)
        tfbn.batch_norm(x, scope="outside")
        assert [call.scope for call in open_source(opened, None).calls] == ["outside"]
        assert [call.scope for call in registry.calls_of(opened)] == ["inside", "outside"]


def test_a_frozen_graph_needs_no_values(trained):
    """What has been exported exports again."""
    opened, running, _, output, _ = trained
    once = tfbn.export.inference_graph(running, output)
    again = tfbn.export.inference_graph(once.graph_def, output)
    assert again.report.layers == ("norm",)
    assert again.report.frozen == again.report.pinned == ()
    assert {node.name: node.op for node in again.graph_def.node} == {n.name: n.op for n in once.graph_def.node}

"""Variables frozen to constants, or kept."""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.export.exported import randomize, run
from tests.graph.regimes import graph, session

tf1 = tf.compat.v1
IDS = np.array([[0, 2], [1, 1]], np.int32)


def embedded(resource):
    """Lookups in an embedding, whose ops take the variable's handle."""
    table = tf1.get_variable("table", [3, 2], use_resource=resource)
    ids = tf1.placeholder(tf.int32, [2, 2], name="x")
    found = tf.nn.embedding_lookup(table, ids)
    if resource:
        found += tf.raw_ops.ResourceGatherNd(resource=table.handle, indices=ids[..., None], dtype=tf.float32)
        found += tf.cast(tf.raw_ops.VariableShape(input=table.handle)[1], tf.float32)
    else:
        found += tf.cast(tf1.is_variable_initialized(table), tf.float32)
    return tfbn.batch_norm(found, is_training=False)


@pytest.mark.parametrize("resource", [False, True])
def test_what_reads_variables_reads_constants(resource):
    """Of the variables' names, with their values."""
    with graph(resource):
        y = embedded(resource)
        with session() as running:
            randomize(running)
            exported = tfbn.export.inference_graph(running, y)
            expected = running.run(y, {"x:0": IDS})
    nodes = {node.name: node.op for node in exported.graph_def.node}
    assert exported.report.frozen == ("table", *(f"BatchNorm/{n}" for n in ("beta", "moving_mean", "moving_variance")))
    assert {nodes[name] for name in exported.report.frozen} == {"Const"}
    assert not [op for op in nodes.values() if "Resource" in op or "Variable" in op or "VarHandle" in op]
    # A rounding apart, where TensorFlow computes with constants ahead of time.
    np.testing.assert_allclose(run(exported.graph_def, y.name, {"x:0": IDS}), expected, rtol=1e-6)


def test_handles_inside_of_loops():
    """They enter them, and their values then do."""
    with graph(True):
        x = tf1.placeholder(tf.float32, [], name="x")
        variable = tf1.get_variable("v", initializer=3.0)
        y = tf1.while_loop(lambda i, z: i < 2, lambda i, z: (i + 1, z * variable.read_value()), [0, x])[1]
        with session() as running:
            exported = tfbn.export.inference_graph(running, y)
    assert exported.report.frozen == ("v",)
    assert run(exported.graph_def, y.name, {"x:0": 2.0}) == 18.0


@pytest.mark.parametrize("resource", [False, True])
def test_kept_variables_are_the_same_ones(resource):
    """A session that gives them other values infers by those."""
    with graph(resource):
        y = embedded(resource)
        with session() as running:
            randomize(running)
            expected = running.run(y, {"x:0": IDS})
            values = {v.op.name: value for v, value in zip(tf1.global_variables(), running.run(tf1.global_variables()))}
            exported = tfbn.export.inference_graph(running, y, variables="keep")
    assert exported.report.frozen == ()
    assert set(exported.report.kept) == set(values)
    with tf.Graph().as_default():
        tf.import_graph_def(exported.graph_def, name="")
        opened = tf1.get_default_graph()
        assigns = []
        for name, value in values.items():
            variable = opened.get_tensor_by_name(f"{name}:0")
            assign = tf.raw_ops.AssignVariableOp if resource else tf.raw_ops.Assign
            assigns.append(assign(**{"resource" if resource else "ref": variable, "value": value}))
        with tf1.Session() as running:
            running.run(assigns)
            np.testing.assert_array_equal(running.run(y.name, {"x:0": IDS}), expected)


def test_what_cannot_take_a_value_is_refused():
    """By name; kept, the variable can stay."""
    with graph(True):
        variable = tf1.get_variable("v", [2], initializer=tf1.ones_initializer())
        y = tf.stack([variable.handle])
        with session() as running:
            with pytest.raises(ValueError, match='the variable v, got stack, a Pack, .*variables="keep"'):
                tfbn.export.inference_graph(running, y)
            assert tfbn.export.inference_graph(running, y, variables="keep").report.kept == ("v",)


def test_variables_without_values_are_refused():
    """Of a session that has not been initialized."""
    with graph(True), tf1.Session() as running:
        y = tfbn.batch_norm(tf1.placeholder(tf.float32, [None, 3]))
        with pytest.raises(ValueError, match="Restore or initialize them first"):
            tfbn.export.inference_graph(running, y)


def test_another_wish_is_refused():
    with graph(), tf1.Session() as running:
        with pytest.raises(ValueError, match='`variables` to be "freeze" or "keep", got \'frozen\''):
            tfbn.export.inference_graph(running, "y", variables="frozen")

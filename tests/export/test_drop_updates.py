"""What the outputs no longer wait for, and what they still do."""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.export.exported import run
from tests.graph.regimes import NAMES, REGIMES, graph, session

tf1 = tf.compat.v1


def export(y, **arguments):
    with session() as running:
        return tfbn.export.inference_graph(running, y, **arguments)


@pytest.mark.parametrize("resource, v2", REGIMES, ids=NAMES)
def test_updates_go_and_checks_stay(resource, v2):
    """An assertion is an effect that inference wants too; a group of updates is none."""
    with graph(resource, v2):
        x = tf1.placeholder(tf.float32, [None], name="x")
        counter = tf1.get_variable("counter", initializer=0.0, trainable=False)
        updates = tf.group(tf1.assign_add(counter, 1.0), tf1.assign_add(counter, tf.reduce_sum(tf.exp(x))))
        check = tf1.Assert(tf.reduce_all(x > 0.0), ["negative"], name="check")
        with tf.control_dependencies([updates, check]):
            y = tf.identity(x, name="y")
        exported = export(y)
    ops = {node.op for node in exported.graph_def.node}
    assert not ops & {"Exp", "AssignAdd", "AssignAddVariableOp", "VariableV2", "VarHandleOp"}
    assert len(exported.report.updates) == 2
    np.testing.assert_array_equal(run(exported.graph_def, "y:0", {"x:0": [1.0]}), [1.0])
    with pytest.raises(tf.errors.InvalidArgumentError, match="negative"):
        run(exported.graph_def, "y:0", {"x:0": [-1.0]})


def checked(x):
    """A function that asserts, with nothing in it that waits for that."""

    def body(x):
        tf.debugging.Assert(tf.reduce_all(x > 0.0), ["negative"])
        return x * 2.0

    return tf.function(body, autograph=False)(x)


CALLS = {
    "call": checked,
    "branch": lambda x: tf1.cond(tf.reduce_sum(x) < 9.0, lambda: checked(x), lambda: x),
    "loop": lambda x: tf1.while_loop(lambda i, z: i < 1, lambda i, z: (i + 1, checked(z)), [0, x])[1],
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("v2", [False, True])
def test_checks_in_functions_stay(name, v2):
    """Side effects of a function still run once it is written out."""
    with graph(True, v2):
        y = tf.identity(CALLS[name](tf1.placeholder(tf.float32, [None], name="x")), name="y")
        exported = export(y)
    assert not exported.graph_def.library.function
    np.testing.assert_array_equal(run(exported.graph_def, "y:0", {"x:0": [1.0]}), [2.0])
    with pytest.raises(tf.errors.InvalidArgumentError, match="negative"):
        run(exported.graph_def, "y:0", {"x:0": [-1.0]})


def test_statistics_that_outputs_only_waited_for_go():
    """They are computed by an op in training mode that has no effect."""
    with graph():
        x = tf1.placeholder(tf.float32, [None, 2, 2, 3], name="x")
        _, mean, _ = tf1.nn.fused_batch_norm(x, tf.ones([3]), tf.zeros([3]), is_training=True)
        with tf.control_dependencies([mean]):
            y = tf.identity(x)
        exported = export(y)
    assert {node.op for node in exported.graph_def.node} == {"Placeholder", "Identity"}


@pytest.mark.parametrize("quantized, way_out", [(False, "Give outputs from before"), (True, r"create_eval_graph\(\)")])
def test_outputs_that_an_update_returns_are_refused(quantized, way_out):
    """Without the update they would be another number; tf.contrib.quantize has it where it observes ranges."""
    with graph(False):
        highest = tf1.assign_add(tf1.get_variable("highest", initializer=1.0), 1.0)
        y = tf.abs(tf.quantization.fake_quant_with_min_max_vars([1.0], -1.0, highest) if quantized else highest)
        expected = f"only read variables, got Abs, which is computed from what AssignAdd assigns.*{way_out}"
        with pytest.raises(ValueError, match=expected):
            export(y)


@pytest.mark.parametrize("v2", [False, True])
def test_dependencies_stay_inside_loops(v2):
    """A constant has nothing else to say in which round it is."""
    with graph(True, v2):
        counter = tf1.get_variable("counter", initializer=0.0)

        def body(i, z):
            with tf.control_dependencies([counter.assign_add(z).op]):
                return i + 1, z * tf.constant(2.0)

        y = tf.identity(tf1.while_loop(lambda i, z: i < 3, body, [0, tf1.placeholder(tf.float32, [], name="x")])[1])
        exported = export(y)
    assert "VarHandleOp" not in {node.op for node in exported.graph_def.node}
    assert run(exported.graph_def, y.name, {"x:0": 1.0}) == 8.0

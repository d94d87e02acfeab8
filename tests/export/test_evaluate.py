"""The partial evaluator: which conditionals constants decide, and what it leaves alone."""

import numpy as np
import pytest
import tensorflow as tf

from tests.export.exported import run
from tests.graph.regimes import graph
from tfbn.export.evaluate import evaluate
from tfbn.graphdef.graph import Graph

tf1 = tf.compat.v1


def evaluated(opened, output):
    """The graph for `output` once constants have decided what they can."""
    taken = Graph.from_graph_def(opened.as_graph_def()).pruned([output.op.name])

    def shape(tensor):
        return opened.get_tensor_by_name(f"{tensor[0]}:{tensor[1]}").shape

    return evaluate(taken, shape).graph.pruned([output.op.name]).to_graph_def()


def ops(graph_def):
    return {node.op for node in graph_def.node}


PREDICATES = {
    "not": lambda false: tf.logical_not(tf.logical_not(false)),
    "and": lambda false: tf.logical_and(tf.constant(True), false),
    "or": lambda false: tf.logical_or(false, false),
    "cast": lambda false: tf.cast(tf.cast(false, tf.int32), tf.bool),
    "equal": lambda false: tf.equal(tf.cast(false, tf.int32), 1),
    "not equal": lambda false: tf.not_equal(tf.cast(false, tf.int32), 0),
    "less": lambda false: tf.less(0.5, tf.cast(false, tf.float32)),
    "greater": lambda false: tf.greater_equal(tf.cast(false, tf.float32), 1.0),
    "identity": lambda false: tf.stop_gradient(tf.identity(false)),
    "where": lambda false: tf.where(tf.logical_not(false), false, tf.constant(True)),
}


@pytest.mark.parametrize("name", PREDICATES)
def test_what_predicates_are_made_of(name):
    """The branch of False is all that is left."""
    with graph() as opened:
        x = tf1.placeholder(tf.float32, [2], name="x")
        predicate = PREDICATES[name](tf.constant(False))
        y = tf.identity(tf1.cond(predicate, lambda: tf.exp(x), lambda: x * 3.0), name="y")
        left = evaluated(opened, y)
    assert not ops(left) & {"Switch", "Merge", "Exp"}
    np.testing.assert_array_equal(run(left, "y:0", {"x:0": [1.0, 2.0]}), [3.0, 6.0])


def test_branches_by_data_stay():
    """With a decided cond inside of each, whose constants still belong to their branch alone."""
    with graph() as opened:
        x = tf1.placeholder(tf.float32, [], name="x")
        training = tf.constant(False)

        def inner(value):
            return lambda: tf1.cond(training, lambda: tf.exp(x), lambda: tf.constant(value))

        y = tf.identity(tf1.cond(x > 0, inner(1.0), inner(2.0)), name="y")
        left = evaluated(opened, y)
    assert "Exp" not in ops(left)
    assert [run(left, "y:0", {"x:0": value}) for value in (3.0, -3.0)] == [1.0, 2.0]


def test_select_that_broadcasts_stays():
    """Its result has more elements than the value selected."""
    with graph() as opened:
        x = tf1.placeholder(tf.float32, [2], name="x")
        broadcast = tf.where(tf.constant(False), x, tf.constant(1.0))
        alike = tf.where(tf.constant(False), tf.exp(x), x)
        y = tf.add(broadcast, alike, name="y")
        left = evaluated(opened, y)
    assert "SelectV2" in ops(left)
    assert "Exp" in {node.op for node in opened.as_graph_def().node} - ops(left)
    np.testing.assert_array_equal(run(left, "y:0", {"x:0": [1.0, 2.0]}), [2.0, 3.0])


def test_loops_stay_and_their_constants_are_known_inside():
    """The round before is nothing that a constant decides, but a predicate from outside of the loop is."""
    with graph() as opened:
        x = tf1.placeholder(tf.float32, [], name="x")
        training = tf.constant(False)

        def body(i, z):
            return i + 1, tf1.cond(training, lambda: tf.exp(z), lambda: z * 2.0)

        y = tf.identity(tf1.while_loop(lambda i, z: i < 3, body, [0, x])[1], name="y")
        left = evaluated(opened, y)
    assert {"LoopCond", "Merge"} <= ops(left)
    assert "Exp" not in ops(left)
    assert run(left, "y:0", {"x:0": 1.0}) == 8.0


def test_a_loop_that_is_never_reached_goes():
    """It stands in the other branch."""
    with graph() as opened:
        x = tf1.placeholder(tf.float32, [], name="x")

        def train():
            return tf1.while_loop(lambda z: z < 100.0, lambda z: z * 2.0, [x])

        y = tf.identity(tf1.cond(tf.constant(False), train, lambda: x + 1.0), name="y")
        left = evaluated(opened, y)
    assert not ops(left) & {"LoopCond", "Merge", "Enter"}
    assert run(left, "y:0", {"x:0": 1.0}) == 2.0


def test_which_branch_was_taken_is_known():
    """The second output of a Merge decides what goes by it."""
    with graph() as opened:
        x = tf1.placeholder(tf.float32, [], name="x")
        false, true = tf.raw_ops.Switch(data=x, pred=tf.constant(True))
        merged = tf.raw_ops.Merge(inputs=[tf.exp(false), true * 2.0])
        y = tf1.cond(tf.equal(merged.value_index, 1), lambda: merged.output, lambda: tf.exp(x))
        y = tf.identity(y, name="y")
        left = evaluated(opened, y)
    assert not ops(left) & {"Switch", "Merge", "Exp"}
    assert run(left, "y:0", {"x:0": 1.0}) == 2.0

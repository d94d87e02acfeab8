"""A graph that is edited, by itself."""

import numpy as np
import pytest
import tensorflow as tf

from tests.graph.regimes import graph
from tfbn.graphdef.graph import Graph
from tfbn.graphdef.nodes import become_constant, control_inputs, data_inputs

tf1 = tf.compat.v1
X = np.random.RandomState(0).uniform(1.0, 3.0, [3]).astype("f")


@pytest.fixture
def chain():
    """y = exp(x) ** 2 + 1, where the square waits for a no-op, and a sine that y does not need."""
    with graph() as opened:
        x = tf1.placeholder(tf.float32, [3], name="x")
        e = tf.exp(x, name="e")
        with tf.control_dependencies([tf.no_op(name="before")]):
            squared = tf.square(e, name="squared")
        tf.add(squared, tf.constant(1.0, name="one"), name="y")
        tf.sin(e, name="sine")
    return opened.as_graph_def()


def run(graph, output):
    with tf.Graph().as_default(), tf1.Session() as session:
        tf.import_graph_def(graph.to_graph_def(), name="")
        return session.run(output, {"x:0": X})


def test_edits_leave_the_source_alone(chain):
    """A copy shares no NodeDef with its source; a selection does."""
    before = chain.SerializeToString(deterministic=True)
    edited = Graph.from_graph_def(chain)
    copy, selection = edited.copy(), edited.select(["e", "x"])
    become_constant(edited["e"], X)
    assert chain.SerializeToString(deterministic=True) == before
    assert copy["e"].op == "Exp"
    assert selection["e"].op == "Const"
    assert list(selection) == ["x", "e"]


def test_walks_follow_controls_unless_told_otherwise(chain):
    """What y needs, with and without the op that it waits for."""
    edited = Graph.from_graph_def(chain)
    assert edited.reach(["y"]) == {"x", "e", "before", "squared", "one", "y"}
    assert edited.reach(["y"], controls=False) == {"x", "e", "squared", "one", "y"}
    assert list(edited.pruned(["squared"])) == ["x", "e", "before", "squared"]
    order = Graph(reversed(chain.node), chain).in_order()
    assert all(
        order.index(source) < order.index(name)
        for name, node in edited.items()
        for source in [*(source for source, _ in data_inputs(node)), *control_inputs(node)]
    )


def test_new_ops_get_free_names(chain):
    edited = Graph.from_graph_def(chain)
    edited.reserved = {"y_1"}
    assert edited.add("NoOp", "fresh", []) == "fresh"
    assert edited.add_constant("y", np.float32(2.0)) == "y_2"
    assert edited.add_constant("y", np.float32(3.0), ["fresh"]) == "y_3"
    assert control_inputs(edited["y_3"]) == ["fresh"]
    assert run(edited, "y_3:0") == 3.0


def test_redirect(chain):
    """Consumers take the other tensor, through a second replacement if there is one, and wait for its op."""
    edited = Graph.from_graph_def(chain)
    with_wait = edited[edited.add("Identity", "late", [("x", 0)], ["e"], T=tf.float32)]
    three = edited.add_constant("three", np.float32(3.0))
    del edited["e"]
    edited.redirect({("e", 0): ("gone", 0), ("gone", 0): (three, 0)})
    assert data_inputs(edited["squared"]) == [(three, 0)]
    assert control_inputs(edited["squared"]) == ["before"]
    assert control_inputs(with_wait) == [three]
    np.testing.assert_array_equal(run(edited, "y:0"), 10.0)
    edited.redirect({}, {"before": ["late", "one"]})
    assert control_inputs(edited["squared"]) == ["late", "one"]


def test_functions_that_nothing_names_are_left_out():
    with graph() as opened:
        tf.function(lambda x: x * 2.0)(tf1.placeholder(tf.float32, [], name="x"))
        tf.function(lambda x: x * 3.0)(tf.constant(1.0))
    graph_def = opened.as_graph_def()
    assert len(graph_def.library.function) == 2
    edited = Graph.from_graph_def(graph_def)
    calls = [name for name, node in edited.items() if "Call" in node.op]
    (function,) = edited.pruned(calls[:1]).to_graph_def().library.function
    assert function.signature.name == edited[calls[0]].attr["f"].func.name


def test_notes_of_shapes_that_are_wrong():
    """TensorFlow 1.15 has [0] for two outputs of the fused op's gradient, and later versions refuse to import that."""
    with tf.Graph().as_default() as opened:
        x, gamma = tf1.placeholder(tf.float32, [2, 3, 3, 4]), tf1.placeholder(tf.float32, [4])
        outputs = tf1.nn.fused_batch_norm(x, gamma, gamma)[0]
        tf.gradients(outputs, [x])
    graph_def = opened.as_graph_def(add_shapes=True)
    (gradient,) = [node for node in graph_def.node if node.op == "FusedBatchNormGradV3"]
    gradient.attr["_output_shapes"].list.shape[1].dim[0].size = 7
    imported = Graph.from_graph_def(graph_def).to_tensorflow()
    assert imported.get_tensor_by_name(f"{gradient.name}:1").shape == [4]

"""Function calls and control flow v2, written out: the same numbers, with and without training in them."""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.export.exported import assert_close, randomize, run
from tests.graph.regimes import NAMES, REGIMES, graph, session, values

tf1 = tf.compat.v1
IMAGES = np.random.RandomState(1).normal(1.0, 2.0, [4, 4, 4, 3]).astype(np.float32)


def layer(x, is_training, scope="norm", **arguments):
    return tfbn.batch_norm(x, is_training=is_training, scope=scope, decay=0.5, reuse=tf1.AUTO_REUSE, **arguments)


def loop(x, is_training):
    """With a constant that only a pivot keeps inside."""
    return tf1.while_loop(
        lambda i, z: i < 3, lambda i, z: (i + 1, layer(z * 1.1, is_training) + tf.constant(0.1)), [0, x]
    )[1]


def loop_with_branches(x, is_training):
    def body(i, z):
        def even():
            return layer(z * 1.1, is_training, "even")

        return i + 1, tf1.cond(tf.equal(i % 2, 0), even, lambda: layer(z, is_training, "odd") + tf.ones([3]))

    return tf1.while_loop(lambda i, z: i < 3, body, [0, x])[1]


def nested_loops(x, is_training):
    def outer(i, z):
        inner = tf1.while_loop(lambda j, y: j < i, lambda j, y: (j + 1, layer(y, is_training)), [0, z])
        return i + 1, inner[1] * 1.5

    return tf1.while_loop(lambda i, z: i < 3, outer, [0, x])[1]


def branch_by_data(x, is_training):
    """The branch that is not taken returns what nothing is computed for."""
    return tf1.cond(
        tf.reduce_sum(x) > 0, lambda: layer(x, is_training, updates_collections=None), lambda: tf.zeros([4, 4, 4, 3])
    )


def branch_not_taken(x, is_training):
    return tf1.cond(tf.reduce_sum(x) < 0, lambda: layer(x, is_training), lambda: x + tf.constant(1.0))


def case_by_data(x, is_training):
    index = tf.cast(tf.reduce_sum(x) > 0, tf.int32) + 1
    branches = [lambda: x * 0.0, lambda: layer(x, is_training, "one"), lambda: layer(x, is_training, "two")]
    return tf.switch_case(index, branches)


def mapped(x, is_training):
    one = tf.autograph.experimental.do_not_convert(lambda z: layer(z, is_training))
    return tf.map_fn(one, x, parallel_iterations=1)


BUILD = [loop, loop_with_branches, nested_loops, branch_by_data, branch_not_taken, case_by_data, mapped]
# One of them in every regime, the others in the two that are farthest apart.
CASES = [
    pytest.param(build, *regime, id=f"{build.__name__}-{name}")
    for build in BUILD
    for regime, name in zip(REGIMES, NAMES)
    if build is branch_by_data or name in ("ref-v1", "resource-v2")
]


def of_is_training(graph_def, pinned):
    """The Switches, Merges and placeholders that a pinned op still has a value for."""
    nodes = {node.name: node for node in graph_def.node}
    found = []
    for node in graph_def.node:
        sources = [text.partition(":")[0] for text in node.input if text[0] != "^"]
        if node.op in ("Switch", "Merge", "If", "StatelessIf", "Select", "SelectV2") and set(sources) & set(pinned):
            found.append(node.name)
        if node.op.startswith(("Assign", "Mutex", "VarHandle", "Variable")):
            found.append(node.name)
    assert not [
        text for node in graph_def.node for text in node.input if text.lstrip("^").partition(":")[0] not in nodes
    ]
    return found


@pytest.mark.parametrize("build, resource, v2", CASES)
@pytest.mark.parametrize("decided", [True, False], ids=["placeholder", "training"])
def test_layers_in_bodies(build, resource, v2, decided):
    """Those whose training a run decides, and fused ones that only train, in a graph that goes by data as well."""
    with graph(resource, v2):
        x = tf1.placeholder(tf.float32, [None, 4, 4, 3], name="x")
        is_training = tf1.placeholder(tf.bool, [], name="is_training") if decided else True
        y = tf.identity(build(x, is_training), name="y")
        with session() as running:
            randomize(running)
            exported = tfbn.export.inference_graph(running, y)
            expected = running.run(y, {x: IMAGES, is_training: False}) if decided else None
            stored = values(running)
    if not decided:
        with graph(resource, v2):
            x = tf1.placeholder(tf.float32, [None, 4, 4, 3], name="x")
            y = build(x, False)
            with session() as running:
                for variable in tf1.global_variables():
                    running.run(variable.initializer, {variable.initializer.inputs[1]: stored[variable.op.name]})
                expected = running.run(y, {x: IMAGES})
    assert of_is_training(exported.graph_def, exported.report.pinned) == []
    assert not exported.graph_def.library.function
    assert [each.source for each in exported.report.rewritten] == (
        [] if decided else ["updates"] * len(exported.report.layers)
    )
    assert_close(run(exported.graph_def, "y:0", {"x:0": IMAGES}), expected)


def outputs_of_calls():
    """By name, what makes the op that is asked for, and which of its outputs."""
    return {
        "If": lambda x, t: tf1.cond(t, lambda: [x * 2.0, x], lambda: [x * 3.0, x + 1.0])[1].op.inputs[0],
        "call": lambda x, t: tf.function(lambda x: (x * 2.0, x + 1.0), autograph=False)(x)[1],
    }


@pytest.mark.parametrize("kind", outputs_of_calls())
def test_outputs_of_calls_keep_their_names(kind):
    """The second output of an op that is no more."""
    with graph(True, True):
        x = tf1.placeholder(tf.float32, [None], name="x")
        t = tf1.placeholder(tf.bool, [], name="t")
        output = outputs_of_calls()[kind](x, t)
        assert output.value_index == 1
        with session() as running:
            exported = tfbn.export.inference_graph(running, output, is_training=t)
    (found,) = {node.op for node in exported.graph_def.node if node.name == output.op.name}
    assert found == "IdentityN"
    np.testing.assert_array_equal(run(exported.graph_def, output.name, {"x:0": [1.0]}), [2.0])


DAMAGES = {
    "unknown op": lambda function: setattr(function.node_def[0], "op", "ForeignOp"),
    "no shapes of an argument": lambda function: function.arg_attr[0].attr["_output_shapes"].list.ClearField("shape"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_functions_that_tensorflow_cannot_convert(damage, tmp_path):
    """From a file, where importing a graph does not look at them."""
    with graph(True, True):
        x, t = tf1.placeholder(tf.float32, [None, 3], name="x"), tf1.placeholder(tf.bool, [], name="t")
        tf.identity(tf1.cond(t, lambda: x * 2.0, lambda: x * 3.0), "y")
        meta_graph = tf1.train.export_meta_graph()
    for function in meta_graph.graph_def.library.function:
        function.arg_attr[0].attr["_output_shapes"].list.shape.add().CopyFrom(tf.TensorShape([None, 3]).as_proto())
        DAMAGES[damage](function)
    with pytest.raises(ValueError, match="expected functions that TensorFlow can write out, got cond_"):
        tfbn.export.inference_graph(meta_graph, "y", is_training="t", checkpoint=str(tmp_path / "none"))

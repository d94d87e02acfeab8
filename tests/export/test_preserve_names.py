"""Inputs and outputs: found, named, cut out of a pipeline, and refused where they do not fit."""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.export.exported import leftovers, run
from tests.graph.regimes import graph, session

tf1 = tf.compat.v1
IMAGES = np.random.RandomState(1).normal(1.0, 2.0, [8, 3]).astype(np.float32)


def export(y, **arguments):
    with session() as running:
        return tfbn.export.inference_graph(running, y, **arguments)


def test_a_pipeline_is_cut():
    """Its images become a placeholder of the name that they had; what it also yields, and its queue, are gone."""
    with graph():
        data = tf.data.Dataset.from_tensor_slices((np.zeros([8, 3], np.float32), np.arange(8))).batch(4)
        images, labels = tf1.data.make_one_shot_iterator(data).get_next()
        is_training = tf1.placeholder(tf.bool, [], name="is_training")
        y = tfbn.batch_norm(images * 2.0, is_training=is_training, scope="norm") + 1.0
        loss = tf.reduce_mean(y) + tf.reduce_sum(tf.cast(labels, tf.float32))
        exported = export(y, inputs=images)
        both = export([y, loss], inputs=[labels, images])
        by_order = export([y, loss], inputs=[images, labels])
    assert exported.inputs == (images.name,)
    assert leftovers(exported.graph_def, [images.op.name]) == []
    (placeholder,) = (node for node in exported.graph_def.node if node.op == "Placeholder")
    assert [dim.size for dim in placeholder.attr["shape"].shape.dim] == [-1, 3]
    found = run(exported.graph_def, y.name, {images.name: IMAGES})
    np.testing.assert_allclose(found, 2.0 * IMAGES / np.sqrt(1.001) + 1.0, rtol=1e-5)
    assert both.inputs == ("IteratorGetNext_1:0", "IteratorGetNext:0")
    assert by_order.inputs == both.inputs[::-1]
    assert {node.op for node in both.graph_def.node} & {"IteratorGetNext", "BatchDatasetV2", "OneShotIterator"} == set()


def test_other_inputs_are_asked_for():
    """A placeholder that the outputs need and `inputs` leaves out; one that they do not need."""
    with graph():
        x, scale, other = (tf1.placeholder(tf.float32, [], name=name) for name in ("x", "scale", "other"))
        y = tf.multiply(x, scale, name="y")
        with pytest.raises(ValueError, match=r"got none for \['scale'\]. Add them, or pin"):
            export(y, inputs=x)
        with pytest.raises(ValueError, match=r"that the outputs are computed from, got \['other'\]"):
            export(y, inputs=[x, scale, other])
        assert export(y).inputs == ("x:0", "scale:0")
        assert export(y, inputs=["scale", "x:0"]).inputs == ("scale:0", "x:0")


def test_unknown_names_are_refused_with_those_near():
    with graph():
        tf1.placeholder(tf.float32, [], name="net/logits")
        for given in ("logits", ["logits:0"]):
            with pytest.raises(ValueError, match=r"`outputs` to be in the graph, got 'logits.* Is it net/logits\?"):
                export(given)
        with pytest.raises(ValueError, match="`outputs` to name at least one tensor"):
            export([])
        with pytest.raises(ValueError, match="`outputs` to be tensors or their names, got 3"):
            export(3)
        with pytest.raises(ValueError, match="`is_training` to be in the graph, got 'training'"):
            export("net/logits", is_training="training")


@pytest.mark.parametrize("v2", [False, True])
def test_outputs_of_a_conditional_keep_their_names(v2):
    """The Merge of a cond, or what stands for it under control flow v2, is asked for by its own name."""
    with graph(control_flow_v2=v2):
        x = tf1.placeholder(tf.float32, [None, 3], name="x")
        is_training = tf1.placeholder(tf.bool, [], name="is_training")
        y = tf1.cond(is_training, lambda: tf.exp(x), lambda: x + 1.0)
        exported = export(y, is_training=is_training)
    assert exported.outputs == (y.name,)
    np.testing.assert_array_equal(run(exported.graph_def, y.name, {"x:0": IMAGES}), IMAGES + 1.0)


def test_layers_with_removed_inputs():
    """A cond before a layer that only trains, and that tfbn remembers, is decided all the same."""
    with graph():
        x = tf1.placeholder(tf.float32, [None, 3], name="x")
        is_training = tf1.placeholder(tf.bool, [], name="is_training")
        hidden = tf1.cond(is_training, lambda: tf.nn.dropout(x, rate=0.5), lambda: x * 2.0)
        y = tfbn.batch_norm(hidden, scope="norm", fused=False)
        exported = export(y, is_training=is_training)
    assert [each.source for each in exported.report.rewritten] == ["registry"]
    assert leftovers(exported.graph_def) == []
    found = run(exported.graph_def, y.name, {"x:0": IMAGES})
    np.testing.assert_allclose(found, 2.0 * IMAGES / np.sqrt(1.001), rtol=1e-5)


def test_outputs_of_training_are_refused():
    """What only the branch for training computes."""
    with graph():
        x = tf1.placeholder(tf.float32, [None, 3], name="x")
        is_training = tf1.placeholder(tf.bool, [], name="is_training")
        inner = []
        tf1.cond(is_training, lambda: inner.append(tf.exp(x)) or inner[0], lambda: x)
        with pytest.raises(ValueError, match="outputs that exist in inference, got cond/Exp, which is computed in"):
            export(inner[0], is_training=is_training)


UNUSABLE = {
    "net/logits:3": r"got 'net/logits:3': net/logits \(Identity\) has 1 output, net/logits:0\.",
    "halves:2": r"got 'halves:2': halves \(Split\) has 2 outputs, halves:0 to halves:1\.",
    "train": r"got 'train': train \(NoOp\) has no outputs\.",
    "^x": r"got '\^x', which is a control input, not a tensor\. Pass 'x'\.",
    "x:one": "got 'x:one', which is not the name of a tensor",
    "net/logit": r"got 'net/logit', which it does not have\. Is it net/logits\?",
    "foreign": "got 'foreign': foreign is a SomebodysOwn, an op that this TensorFlow does not know",
}


@pytest.fixture(scope="module")
def mixed():
    """A GraphDef with a function, and with an op that TensorFlow does not know."""
    with graph(control_flow_v2=True):
        x = tf1.placeholder(tf.float32, [4, 3], name="x")
        called = tf.function(lambda x: x * 2.0, autograph=False)(x)
        tf.identity(called, name="net/logits")
        tf.split(x, 2, name="halves")
        tf.no_op(name="train")
        made = tf1.get_default_graph().as_graph_def()
    assert made.library.function
    made.node.add(name="foreign", op="SomebodysOwn")
    return made


@pytest.mark.parametrize("name", UNUSABLE)
@pytest.mark.parametrize("argument", ["outputs", "inputs", "is_training"])
def test_what_the_graph_does_not_have(mixed, argument, name):
    """Outputs that an op does not have, control inputs and unknown names, with functions and unknown ops around."""
    arguments = {"outputs": "net/logits", argument: name}
    with pytest.raises(ValueError, match=f"expected `{argument}` to be in the graph, {UNUSABLE[name]}"):
        tfbn.export.inference_graph(mixed, **arguments)


@pytest.mark.parametrize("argument", ["outputs", "inputs"])
def test_a_tensor_twice(mixed, argument):
    """By either of its names."""
    arguments = {"outputs": "net/logits", argument: ["x", "net/logits", "x:0"]}
    with pytest.raises(ValueError, match=f"expected `{argument}` to name each tensor once, got x:0 twice"):
        tfbn.export.inference_graph(mixed, **arguments)


def test_an_op_that_tensorflow_does_not_know():
    """In what the outputs need; elsewhere in the graph it does not matter."""
    made = tf1.GraphDef()
    made.node.add(name="foreign", op="SomebodysOwn")
    y = made.node.add(name="y", op="Identity", input=["foreign"])
    y.attr["T"].type = tf.float32.as_datatype_enum
    with pytest.raises(ValueError, match="expected a graph that TensorFlow imports, .*SomebodysOwn"):
        tfbn.export.inference_graph(made, "y")
    y.input[0] = "gone:1"
    with pytest.raises(ValueError, match="expected a whole graph, got one in which y takes gone:1, which is not there"):
        tfbn.export.inference_graph(made, "y")


@pytest.mark.parametrize("first", [False, True])
def test_is_training_beside_other_outputs(first):
    """Of an op that yields images, too, only the one output is pinned."""
    with graph():
        data = tf.data.Dataset.from_tensors((True, IMAGES) if first else (IMAGES, True))
        yielded = tf1.data.make_one_shot_iterator(data).get_next()
        is_training, images = yielded if first else yielded[::-1]
        y = tfbn.batch_norm(images, is_training=is_training, scope="norm")
        exported = export(y, inputs=images, is_training=is_training)
    placeholder = "IteratorGetNext_1" if first else "IteratorGetNext"
    assert exported.inputs == (f"{placeholder}:0",)
    assert leftovers(exported.graph_def, [placeholder]) == []
    found = run(exported.graph_def, y.name, {f"{placeholder}:0": IMAGES})
    np.testing.assert_allclose(found, IMAGES / np.sqrt(1.001), rtol=1e-5)

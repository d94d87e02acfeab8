"""Names of tensors, looked up in GraphDefs of ops, functions and ops that TensorFlow does not know."""

import pytest
import tensorflow as tf

from tfbn.graphdef import tensor_names

tf1 = tf.compat.v1


@pytest.fixture(scope="module")
def graph_def():
    """Ops with every way to have outputs, a function's call by its name, and an op from elsewhere."""

    @tf.function(autograph=False)
    def both(x):
        return x + 1.0, x * 2.0

    with tf.Graph().as_default() as graph:
        x = tf1.placeholder(tf.float32, [4, 3], name="net/images")
        tf.identity(x, name="net/logits")
        tf.split(x, 2, name="halves")
        tf.raw_ops.IdentityN(input=[x, x, x], name="three")
        tf.no_op(name="train")
        both(x)
        made = graph.as_graph_def()
    (function,) = (each.signature.name for each in made.library.function if len(each.signature.output_arg) == 2)
    called = made.node.add(name="called", op=function)
    called.input.append("net/images")
    made.node.add(name="foreign", op="SomebodysOwn")
    return made


def locate(text, graph_def):
    return tensor_names.locate(text, {node.name: node for node in graph_def.node}, graph_def.library)


@pytest.mark.parametrize(
    "text, found",
    [
        ("net/logits", ("net/logits", None)),
        ("net/logits:0", ("net/logits", 0)),
        ("halves:1", ("halves", 1)),
        ("three:2", ("three", 2)),
        ("called:1", ("called", 1)),
        ("train", ("train", None)),
    ],
)
def test_what_is_there(graph_def, text, found):
    assert locate(text, graph_def) == found


@pytest.mark.parametrize(
    "text, problem",
    [
        ("net/logits:3", ": net/logits (Identity) has 1 output, net/logits:0."),
        ("halves:2", ": halves (Split) has 2 outputs, halves:0 to halves:1."),
        ("three:3", ": three (IdentityN) has 3 outputs, three:0 to three:2."),
        ("train:0", ": train (NoOp) has no outputs."),
        ("^net/logits", ", which is a control input, not a tensor. Pass 'net/logits'."),
        (
            "net/logits:x",
            ", which is not the name of a tensor: that is an op's name, also with :0, :1 and so on.",
        ),
        (
            "net/logits:-1",
            ", which is not the name of a tensor: that is an op's name, also with :0, :1 and so on.",
        ),
        ("", ", which is not the name of a tensor: that is an op's name, also with :0, :1 and so on."),
        ("logits", ", which it does not have. Is it net/logits?"),
        ("net/logit:0", ", which it does not have. Is it net/logits?"),
        ("zzz", ", which it does not have."),
        (
            "foreign",
            ": foreign is a SomebodysOwn, an op that this TensorFlow does not know. Load its library first, with "
            "tf.load_op_library.",
        ),
    ],
)
def test_what_is_not(graph_def, text, problem):
    """The text says what the op has instead."""
    with pytest.raises(tensor_names.NotInGraph) as caught:
        locate(text, graph_def)
    assert str(caught.value) == problem


def test_a_call_of_a_function_by_its_name(graph_def):
    """Has as many outputs as the function's signature."""
    with pytest.raises(tensor_names.NotInGraph, match=r"^: called \(.*\) has 2 outputs, called:0 to called:1.$"):
        locate("called:2", graph_def)


def test_defaults_that_the_graph_leaves_out():
    """As an export without default attributes does."""
    node = tf1.NodeDef(name="x", op="Unpack")
    node.attr["num"].i = 5
    library = tf1.GraphDef().library
    assert tensor_names.count_outputs(node, library) == 5
    assert tensor_names.count_outputs(tf1.NodeDef(name="x", op="UniqueV2"), library) == 2


def test_nearest():
    """The same last part first, then what is spelled alike, and each once."""
    names = ["a/logits", "b/logits", "net/logit", "images", "logitz"]
    assert tensor_names.nearest("logits", names) == ["a/logits", "b/logits", "logitz"]
    assert tensor_names.nearest("nothing/like/it", names) == []

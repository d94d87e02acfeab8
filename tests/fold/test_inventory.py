"""fold_graph accounts for every batch norm: what it does not fold, and what only looks like one, is listed."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.fold import graphs
from tests.fold.graphs import LINEARS, NORMS, tf1
from tests.fold.networks import check, network
from tests.graph import regimes
from tests.graphdef import forms
from tfbn import _tensorflow
from tfbn.fold import fold_graph

BY_BATCH = "it normalizes by the batch: make an inference graph first, with tfbn.export"
BY_RUN = "each run decides whether it normalizes by the batch: make an inference graph first, with tfbn.export"
IN_LOOP = "it is in the body of {}, where nothing is folded"
IN_BRANCH = "it is in a branch of {}, where nothing is folded: make an inference graph first, with tfbn.export"
IN_FUNCTION = "it is in a function: freeze the graph with its functions inlined"


def left_of(make, v2=False):
    """By the ops' names without those of functions; that nothing is folded, too, and the graph as it was."""
    with regimes.graph(control_flow_v2=v2) as graph:
        tf.identity(make(graphs.images()), name="outputs")
        graph_def = graph.as_graph_def()
    folded = fold_graph(graph_def, ["outputs"])
    assert folded.folded == []
    assert folded.graph_def == graph_def
    if not folded.left:
        assert str(folded) == "0 batch norm layers found."
    return {finding.where.rpartition("/")[2]: finding.problem for finding in folded.left}


def conv(x):
    return LINEARS["Conv2D"](x, np.random.RandomState(0), False)


def constants():
    return {name: tf.constant(value) for name, value in graphs.statistics(6).items()}


def by_batch(form):
    """A hand-written batch norm that normalizes by the batch."""

    def make(x):
        x = conv(x)
        mean, variance = tf.nn.moments(x, [0, 1, 2])
        if form == "rsqrt":
            return (x - mean) * tf.math.rsqrt(variance + 1e-3)
        if form == "sqrt":
            return (x - mean) / tf.sqrt(1e-3 + variance) * graphs.statistics(6)["gamma"]
        if form == "pow":
            return (x - mean) * tf.pow(tf.raw_ops.Add(x=variance, y=1e-3), -0.5)
        if form == "stddev":
            return (x - mean) / (tf.sqrt(tf.reduce_mean(tf.square(x - mean), [0, 1, 2])) + 1e-3)
        if form == "squares":
            mean = tf.reduce_mean(x, [-4, 1, 2], keepdims=True)
            squares = tf.reduce_mean(x * x, [-4, 1, 2], keepdims=True)
            return (x - mean) / tf.sqrt(squares - mean * mean + 1e-3)
        weights = tf.reshape(tf.range(1.0, 8.0), [7, 1, 1])
        sums = tf.reduce_sum(tf.reduce_sum(tf.square(x - mean), 0, keepdims=True) * weights, [1, 2])
        return (x - mean) * tf.math.rsqrt(sums / 168.0 + 1e-3)

    return make


@pytest.mark.parametrize(
    "form, name",
    [
        ("rsqrt", "Rsqrt"),
        ("sqrt", "Sqrt"),
        ("pow", "Pow"),
        ("stddev", "Sqrt"),
        ("squares", "Sqrt"),
        ("weighted", "Rsqrt"),
    ],
)
def test_composed_by_hand(form, name):
    """In any form: a root of a variance over the batch that scales."""
    assert left_of(by_batch(form)) == {name: BY_BATCH}


@pytest.mark.parametrize("renorm", [False, True])
def test_tfbns_own(renorm):
    """Once for each layer, with what renorm computes beside; of the fused op and of several."""

    def norm(fused, is_training=True):
        return lambda x: tfbn.batch_norm(x, is_training=is_training, fused=fused, renorm=renorm, center=False)

    def frozen(build):
        with regimes.graph(True) as graph:
            tf.identity(build(conv(graphs.images())), name="outputs")
            with regimes.session() as session:
                freeze = tf1.graph_util.convert_variables_to_constants
                return freeze(session, graph.as_graph_def(), ["outputs"])

    names = {finding.where.rpartition("/")[2]: finding.problem for finding in fold_graph(frozen(norm(False))).left}
    assert names == {"Rsqrt": BY_BATCH}
    names = {finding.where.rpartition("/")[2]: finding.problem for finding in fold_graph(frozen(norm(None))).left}
    assert names == dict.fromkeys(["FusedBatchNormV3", "FusedBatchNormV3_1"][: 1 + renorm], BY_BATCH)
    phase = fold_graph(frozen(lambda x: norm(False, tf1.placeholder_with_default(False, []))(x))).left
    assert [(each.where, each.problem) for each in phase] == [
        ("BatchNorm/normalize/cond/batchnorm/Rsqrt", BY_BATCH),
        ("BatchNorm/normalize/cond/batchnorm_1/Rsqrt", IN_BRANCH.format("a conditional")),
    ]


def by_formula(formula):
    """A layer written by hand, with its averages frozen."""

    def make(x):
        values = graphs.statistics(4)
        order = ("moving_mean", "moving_variance", "beta", "gamma")
        return forms.FORMULAS[formula](x, *(tf.constant(values[name]) for name in order))

    return make


def dense(x):
    return tf.matmul(tf.reduce_mean(x, [1, 2]), graphs.constant(np.random.RandomState(0), 4, 4))


@pytest.mark.parametrize("formula", forms.FORMULAS)
def test_every_formula(formula):
    """Is folded behind a layer, and named once elsewhere."""
    folded = check(graphs.built(lambda: tf.identity(by_formula(formula)(dense(graphs.images())), "outputs")))
    assert len(folded.folded) == 1
    stays = left_of(lambda x: by_formula(formula)(tf.nn.relu(dense(x), name="relu")))
    assert list(stays.values()) == ["in front of it is no linear layer but relu (Relu)"]


def partitioned(x):
    """Parameters in parts, as a partitioner makes them."""
    values = graphs.statistics(4).values()
    joined = (tf.concat([tf.constant(value[:3]), tf.constant(value[3:])], 0) for value in values)
    mean, variance, gamma, beta = (tf.identity(value) for value in joined)
    return (x - mean) * (gamma * tf.math.rsqrt(variance + 1e-3)) + beta


def test_partitioned_parameters():
    assert len(check(graphs.built(lambda: tf.identity(partitioned(dense(graphs.images())), "outputs"))).folded) == 1
    stays = left_of(lambda x: partitioned(tf.nn.relu(x, name="relu")))
    assert stays == {"mul_1": "in front of it is no linear layer but relu (Relu)"}


@pytest.mark.parametrize("form", forms.FORMS, ids=str)
def test_every_form(form):
    """As it is frozen with its variables: one is lowered, others are named, and none is a mere guess."""
    expected = {
        "inference": ["lowered"],
        "training": [BY_BATCH],
        "outputs": [BY_BATCH, IN_BRANCH.format("a conditional")],
    }.get(form.choice, [BY_RUN])
    assert sorted(forms.fold(form)) == sorted(expected)


def root_mean_square(x):
    return x * tf.math.rsqrt(tf.reduce_mean(x * x, [0, 1, 2]) + 1e-3)


def scale_alone(x):
    return tf.nn.relu(x) / tf.sqrt(tf.constant(graphs.statistics(4)["moving_variance"]) + 1e-3)


def constant_by_another_op(x):
    given = graphs.statistics(4)
    return (x - given["moving_mean"]) * tf.math.rsqrt(tf.math.erf(tf.constant(given["moving_variance"])) + 1e-3)


def variance_by_another_op(x):
    mean = tf.reduce_mean(x, [0, 1, 2])
    variance = tf.math.erf(tf.reduce_mean(tf.math.squared_difference(x, mean), [0, 1, 2]))
    return (x - mean) * tf.math.rsqrt(variance + 1e-3)


@pytest.mark.parametrize(
    "make, name, source",
    [
        (root_mean_square, "Rsqrt", r"an average over the batch \(Mean\)"),
        (scale_alone, "truediv", "constants"),
        (constant_by_another_op, "Rsqrt", "constants"),
        (variance_by_another_op, "Rsqrt", r"an average over the batch \(Mean_1\)"),
    ],
)
def test_what_looks_like_one_is_a_warning(make, name, source):
    folded = fold_graph(graphs.built(lambda: tf.identity(make(graphs.images()), name="outputs")), ["outputs"])
    (finding,) = folded.left
    assert (finding.kind, finding.severity, finding.where) == ("unrecognized", "warning", name)
    assert re.match(f"it scales by the root of {source}, but no batch norm was recognized around", finding.problem)
    assert (folded.batch_norms, str(folded).splitlines()[0]) == (0, "0 batch norm layers found.")


def layer_norm(x):
    mean, variance = tf.nn.moments(x, [1, 2, 3], keepdims=True)
    return (x - mean) * tf.math.rsqrt(variance + 1e-3)


def instance_norm(x):
    mean, variance = tf.nn.moments(x, [1, 2], keepdims=True)
    return (x - mean) / tf.sqrt(variance + 1e-3) * graphs.statistics(4)["gamma"]


def fused_layer_norm(x):
    """As Keras builds it: the samples are the channels."""
    count = tf.shape(x)[0]
    y = tf.reshape(x, tf.stack([1, count, -1, 1]))
    ones, zeros, none = tf.ones([count]), tf.zeros([count]), tf.zeros([0])
    y = tf.raw_ops.FusedBatchNormV3(x=y, scale=ones, offset=zeros, mean=none, variance=none, data_format="NCHW").y
    return tf.reshape(y, tf.shape(x)) * graphs.statistics(4)["gamma"]


def batch_stddev(x):
    """Which discriminators of GANs take as a feature."""
    stddev = tf.reduce_mean(tf.sqrt(tf.math.reduce_variance(x, 0) + 1e-8))
    return tf.concat([x, tf.ones_like(x[..., :1]) * stddev], -1)


@pytest.mark.parametrize(
    "make",
    [
        layer_norm,
        instance_norm,
        fused_layer_norm,
        lambda x: fused_layer_norm(tf.ones([2, 7, 6, 4]) * x),
        batch_stddev,
        lambda x: tf.nn.l2_normalize(x, 0),
        lambda x: x / tf.sqrt(1.0 + x * x),
        lambda x: x * tf.sqrt(tf.math.reduce_variance(x, 0) + 1e-3),
        lambda x: conv(x) * tf.math.rsqrt(tf.constant(64.0)),
    ],
)
def test_graphs_without_batch_norm(make):
    """Statistics of each sample by itself, and roots of anything else; the report says that there is none."""
    assert left_of(make) == {}


@pytest.mark.parametrize("form", ["rsqrt", "sqrt", "pow"])
def test_roots_of_constants(form):
    """Are folded behind a layer, and named behind anything else."""

    def norm(x):
        given = constants()
        raised = given["moving_variance"] + 0.01
        if form == "sqrt":
            x = (x - given["moving_mean"]) / tf.sqrt(raised)
        else:
            x = (x - given["moving_mean"]) * (tf.math.rsqrt(raised) if form == "rsqrt" else tf.pow(raised, -0.5))
        return tf.add(x, given["beta"], name="outputs")

    check(graphs.built(lambda: norm(conv(graphs.images()))))
    name = "truediv" if form == "sqrt" else "mul"
    reason = "in front of it is no linear layer but relu (Relu)"
    assert left_of(lambda x: norm(tf.nn.relu(conv(x), name="relu"))) == {name: reason}


def fed_variance(x):
    given = constants()
    variance = tf1.placeholder_with_default(given["moving_variance"], [6])
    return (conv(x) - given["moving_mean"]) * tf.math.rsqrt(variance + 1e-3)


def by_run(x):
    x, given, phase = conv(x), constants(), tf1.placeholder_with_default(False, [])
    batch = tf.nn.moments(x, [0, 1, 2])
    mean, variance = tf1.cond(phase, lambda: batch, lambda: (given["moving_mean"], given["moving_variance"]))
    return tf.nn.batch_normalization(x, mean, variance, given["beta"], given["gamma"], 1e-3)


@pytest.mark.parametrize("v2", [False, True])
def test_statistics_that_are_no_constants(v2):
    """But are fed, or are the batch's where a run says so."""
    assert left_of(fed_variance, v2) == {"Rsqrt": "its parameters or statistics are not constants"}
    assert left_of(by_run, v2) == {"Rsqrt": BY_RUN}


def looped(norm):
    def make(x):
        kernel, given = graphs.constant(np.random.RandomState(0), 3, 3, 4, 4), graphs.statistics(4)

        def body(i, z):
            return i + 1, 0.1 * NORMS[norm](tf.nn.conv2d(z, kernel, 1, "SAME"), False, **given)

        return tf1.while_loop(lambda i, z: i < 2, body, [0, x])[1]

    return make


def branched(norm):
    def make(x):
        def normalized():
            return NORMS[norm](conv(x), False, **graphs.statistics(6))

        return tf1.cond(tf1.placeholder(tf.bool, [], name="wanted"), normalized, lambda: conv(x))

    return make


def called(norm):
    def make(x):
        normalize = tf.function(lambda x: norm(x), autograph=False)
        return normalize(x)

    return make


@pytest.mark.parametrize("norm, name", [("FusedBatchNormV3", "FusedBatchNormV3"), ("centred", "mul_1")])
@pytest.mark.parametrize("v2", [False, True])
def test_in_bodies(norm, name, v2):
    """Of loops and branches nothing is folded, and of functions neither; all of it is found."""
    loop, conditional = ("while (StatelessWhile)", "cond (StatelessIf)") if v2 else ("a loop", "a conditional")
    assert left_of(looped(norm), v2) == {name: IN_LOOP.format(loop)}
    assert left_of(branched(norm), v2) == {name: IN_BRANCH.format(conditional)}
    function = called(lambda x: NORMS[norm](conv(x), False, **graphs.statistics(6)))
    assert left_of(function, v2) == {name: IN_FUNCTION}
    assert left_of(called(function), v2) == {name: IN_FUNCTION}


def test_by_the_batch_in_a_function():
    """The way to an inference graph comes first."""
    assert left_of(called(by_batch("rsqrt"))) == {"Rsqrt": BY_BATCH}


def test_in_a_function_that_an_attribute_names():
    """As those of datasets, which no op calls."""

    def make(x):
        data = tf.data.Dataset.from_tensors(np.ones([2, 7, 6, 4], np.float32))
        data = data.map(lambda x: NORMS["FusedBatchNormV3"](x, False, **graphs.statistics(4)))
        return x + tf1.data.make_one_shot_iterator(data).get_next()

    assert left_of(make) == {"FusedBatchNormV3": IN_FUNCTION}


def test_within_an_op_of_the_graph_optimizer():
    """A convolution that normalizes by itself."""
    graph_def = network("Conv2D", "FusedBatchNormV3")
    (fused,) = (node for node in graph_def.node if node.op == "FusedBatchNormV3")
    layer = graph_def.node.add(name="fused", op="_FusedConv2D", input=["images", "Conv2D/filter", *fused.input[1:5]])
    layer.attr["T"].type = tf.float32.as_datatype_enum
    layer.attr["num_args"].i = 4
    if any(attr.name == "TArgs" for attr in _tensorflow.op_definition("_FusedConv2D").attr):
        layer.attr["TArgs"].list.type.extend([tf.float32.as_datatype_enum] * 4)
    layer.attr["fused_ops"].list.s.extend([b"FusedBatchNorm", b"Relu"])
    layer.attr["padding"].s = b"SAME"
    layer.attr["strides"].list.i.extend([1] * 4)
    folded = fold_graph(graph_def, ["outputs", "fused"], inputs={"images": graphs.batch_of()})
    assert [each.batch_norm for each in folded.folded] == ["FusedBatchNormV3"]
    reason = "TensorFlow's graph optimizer has made it a part of a _FusedConv2D: fold the graph from before that"
    assert [(finding.where, finding.problem) for finding in folded.left] == [("fused", reason)]


def test_omitted_layers_with_other_outputs():
    """It is not in the folded graph, and so not in the report; where nothing is folded, it stays with the graph."""

    def make():
        x = graphs.images()
        tf.nn.relu(NORMS["FusedBatchNormV3"](conv(x), False, **graphs.statistics(6)), name="outputs")
        tf.nn.relu(NORMS["centred"](tf.nn.relu(x), False, **graphs.statistics(4)), name="head")

    graph_def = graphs.built(make)
    assert fold_graph(graph_def, ["outputs"]).left == []
    (left,) = fold_graph(graph_def, ["outputs", "head"]).left
    assert left.problem.startswith("in front of it is no linear layer")
    assert fold_graph(graph_def, ["head"]).folded == fold_graph(graph_def, ["outputs"]).folded

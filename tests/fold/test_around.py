"""fold_graph where a layer and its batch norm are not neighbours: dilated, subpixel, split and concatenated ones."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tensorflow as tf

from tests.fold import graphs
from tests.fold.graphs import NORMS, tf1
from tests.fold.networks import check
from tfbn.fold import fold_graph
from tfbn.fold.channels import _depth_to_space


def norm(x, name="FusedBatchNormV3", nchw=False):
    return NORMS[name](x, nchw, **graphs.statistics(x.shape[1 if nchw else -1]))


def conv(x, outputs=6, seed=0, **arguments):
    kernel = graphs.constant(np.random.RandomState(seed), 3, 3, int(x.shape[-1]), outputs)
    return tf.nn.conv2d(x, kernel, 1, "SAME", **arguments)


def dilated(x, inside=lambda x: x):
    """As TensorFlow 1 builds a dilated convolution."""
    kernel = graphs.constant(np.random.RandomState(0), 3, 3, 4, 6)
    x = tf.nn.conv2d(tf.space_to_batch(x, [2, 2], [[2, 3], [2, 2]]), kernel, 1, "VALID")
    return tf.batch_to_space(inside(x), [2, 2], [[0, 1], [0, 0]])


def subpixel(x):
    return tf.nn.depth_to_space(conv(x, 24), 2)


def split(x):
    one, two, three = tf.split(conv(x, 12), [2, 6, 4], -1)
    return tf.concat([tf.nn.relu(norm(one)), norm(two, "centred"), tf.abs(three)], -1)


def halves(x):
    one, two = tf.split(conv(x, 8), 2, -1)
    return tf.maximum(norm(one, "tf.nn.batch_normalization"), tf.sigmoid(two))


def concatenated(x):
    """One of the layers has a batch norm of its own in front."""
    one = tf.nn.bias_add(conv(x, 2), np.float32([0.5, -1.0]))
    two = norm(conv(x, 3, seed=1), "centred")
    three = tf.nn.depthwise_conv2d(x, graphs.constant(np.random.RandomState(2), 3, 3, 4, 2), [1] * 4, "SAME")
    return norm(tf.concat([one, two, three], -1))


def shuffled(x):
    """Split and concatenated in another order, and again with another layer."""
    one, two = tf.split(conv(x, 8), 2, -1)
    return norm(tf.concat([tf.concat([two, one], -1), conv(x, 3, seed=1)], 3), "centred")


@pytest.mark.parametrize(
    "make, count, layers",
    [
        (lambda x: norm(subpixel(x)), 1, 1),
        (split, 2, 1),
        (halves, 1, 1),
        (concatenated, 2, 3),
        (shuffled, 1, 2),
    ],
)
def test_is_folded(make, count, layers):
    folded = check(graphs.built(lambda: tf.nn.elu(make(graphs.images(batch=2)), name="outputs")))
    assert len(folded.folded) == count
    types = graphs.types(folded.graph_def)
    assert types.count("BiasAdd") == layers
    assert len(folded.folded[-1].layer.split(", ")) == layers
    assert "Identity" in types  # in place of the batch norm


def average_pooled(x):
    return tf.nn.avg_pool2d(conv(x), 3, 2, "SAME")


def globally_averaged(x):
    return norm(tf.reduce_mean(conv(x), [1, 2]), "tf.nn.batch_normalization")


def mirrored(x):
    return tf.pad(conv(x), [[0, 0], [2, 1], [0, 2], [0, 0]], "REFLECT")


def max_pooled(x, sign=1.0):
    """Of channels that the batch norm scales by factors of one sign."""
    given = graphs.statistics(6)
    return tf.nn.batch_normalization(
        tf.nn.max_pool2d(conv(x), 2, 2, "VALID"),
        *(given[name] for name in ("moving_mean", "moving_variance", "beta")),
        np.abs(given["gamma"]) * np.float32(sign),
        1e-3,
    )


def padded_and_scaled(x):
    return tf.pad(conv(x), [[0, 0], [1, 1], [0, 2], [0, 0]]) * graphs.statistics(6)["gamma"]


@pytest.mark.parametrize(
    "make",
    [
        lambda x: norm(average_pooled(x)),
        lambda x: norm(average_pooled(x), "centred"),
        globally_averaged,
        lambda x: norm(mirrored(x)),
        max_pooled,
        padded_and_scaled,
        lambda x: norm(tf.concat([average_pooled(x), tf.nn.avg_pool2d(conv(x, 3, 1), 3, 2, "SAME")], -1)),
    ],
)
def test_what_mixes_positions_is_crossed(make):
    folded = check(graphs.built(lambda: tf.nn.elu(make(graphs.images(batch=2)), name="outputs")))
    assert len(folded.folded) == 1


BORDER = [[0, 0], [1, 1], [1, 1], [0, 0]]


@pytest.mark.parametrize("dtype, tolerance", [(tf.float64, 1e-5), (tf.bfloat16, 2e-2)])
def test_a_cast_is_crossed(dtype, tolerance):
    def make():
        given = {name: tf.constant(value, dtype) for name, value in graphs.statistics(6).items()}
        values = [given[name] for name in ("moving_mean", "moving_variance", "beta", "gamma")]
        y = tf.nn.batch_normalization(tf.cast(conv(graphs.images()), dtype), *values, 1e-3)
        tf.cast(tf.nn.relu(y), tf.float32, name="outputs")

    folded = fold_graph(graphs.built(make), ["outputs"], tolerance=tolerance)
    assert ([each.layer for each in folded.folded], folded.left) == (["Conv2D"], [])


@pytest.mark.parametrize(
    "make, reason",
    [
        (
            lambda x: max_pooled(x, -1.0),
            r"MaxPool2d \(MaxPool\) in front of it takes maxima, which a factor below 0 makes minima",
        ),
        (
            lambda x: norm(tf.pad(conv(x), BORDER)),
            r"Pad \(Pad\) in front of it pads with zeros",
        ),
        (
            lambda x: norm(tf.pad(conv(x), BORDER, constant_values=2.0)),
            r"PadV2 \(PadV2\) in front of it pads with a value, which would have to be another one behind it",
        ),
    ],
)
def test_what_would_change_is_named_and_lowered(make, reason):
    graph_def = graphs.built(lambda: tf.nn.elu(make(graphs.images(batch=2)), name="outputs"))
    (finding,) = fold_graph(graph_def, ["outputs"]).left
    assert re.match(reason, finding.problem)
    assert len(fold_graph(graph_def, ["outputs"], lower=True).lowered) == 1


def biased(x):
    return tf.nn.bias_add(x, np.linspace(-2.0, 1.0, 6, dtype=np.float32))


@pytest.mark.parametrize(
    "make, between",
    [
        (lambda x: norm(dilated(x)), []),
        (lambda x: norm(biased(dilated(x)), "centred"), []),
        (lambda x: norm(dilated(x, biased)), ["Identity"]),
    ],
)
def test_the_bias_of_a_dilated_convolution_stands_behind_it(make, between):
    """Converters know a dilated convolution by the ops around it, and TFLite's fails with a bias among them."""
    folded = check(graphs.built(lambda: tf.nn.elu(make(graphs.images(batch=2)), name="outputs")))
    by_name = {node.name: node for node in folded.graph_def.node}
    row = [by_name["outputs"]]
    while row[-1].op != "Placeholder":
        row.append(by_name[row[-1].input[0]])
    assert [node.op for node in row[1:-1]] == ["BiasAdd", "BatchToSpaceND", *between, "Conv2D", "SpaceToBatchND"]


@pytest.mark.parametrize("block, count", [([1, 2, 2], 1), ([2, 1, 1], 0)])
def test_dilated_with_channels_first(block, count):
    """Which CPUs do not run; but where the channels themselves are in the blocks."""

    def make():
        kernel = graphs.constant(np.random.RandomState(0), 3, 3, 4, 6)
        x = tf.nn.conv2d(graphs.images(True, batch=4), kernel, 1, "SAME", data_format="NCHW")
        x = tf.batch_to_space(x, block, np.zeros([3, 2], np.int32))
        tf.identity(norm(x, nchw=True), name="outputs")

    assert len(fold_graph(graphs.built(make), ["outputs"], verify=False).folded) == count


def test_subpixel_with_channels_first():
    """DepthToSpace, by its arithmetic: CPUs have no kernel for it."""
    attr = tf1.NodeDef()
    attr.attr["block_size"].i, attr.attr["data_format"].s = 2, b"NCHW"
    x = np.random.RandomState(0).normal(1.0, 1.0, [2, 3, 5, 12]).astype(np.float32)
    last = tf.nn.depth_to_space(x, 2).numpy()
    first = _depth_to_space(attr.attr, np.moveaxis(x, -1, 1))
    assert np.array_equal(np.moveaxis(first, 1, -1), last)
    attr.attr["data_format"].s = b"NHWC"
    assert np.array_equal(_depth_to_space(attr.attr, x), last)


def spatial_halves(x):
    """Each channel is in both."""
    one, two = tf.split(conv(x, 4), [3, 4], 1)
    return tf.concat([norm(one), two], 1)


def with_another(x):
    return norm(tf.concat([conv(x, 4), tf.nn.relu(x)], -1))


def scaled_positions(x):
    """What a block is made of has a constant of its own."""
    return norm(tf.nn.space_to_depth(conv(x[:, :6], 4), 2))


@pytest.mark.parametrize(
    "make, reason",
    [
        (spatial_halves, "in front of it is no linear layer but split (SplitV)"),
        (with_another, "in front of it is concat (ConcatV2), which takes Relu (Relu), no linear layer"),
        (scaled_positions, "in front of it is no linear layer but SpaceToDepth (SpaceToDepth)"),
    ],
)
def test_stays(make, reason):
    folded = fold_graph(graphs.built(lambda: tf.identity(make(graphs.images()), name="outputs")), ["outputs"])
    assert (folded.folded, [finding.problem for finding in folded.left]) == ([], [reason])


@pytest.mark.parametrize("quantized", [False, True])
def test_frozen_with_updates(quantized):
    """The error tells which, and where an inference graph comes from."""

    with tf.Graph().as_default() as graph, tf1.Session() as session:
        x = graphs.images()
        x = tf.quantization.fake_quant_with_min_max_args(x) if quantized else x
        mean = tf1.Variable(tf.zeros([4]), use_resource=False, name="mean")
        tf.identity(tf1.assign_sub(mean, x[0, 0, 0]), name="outputs")
        session.run(tf1.global_variables_initializer())
        frozen = tf1.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), ["outputs"])
    way = "create_eval_graph" if quantized else "tfbn.export.inference_graph"
    with pytest.raises(ValueError, match=rf"AssignSub \(AssignSub\) changes mean, which is a constant now\. .*{way}"):
        fold_graph(frozen, ["outputs"])

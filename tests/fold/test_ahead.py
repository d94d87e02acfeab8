"""fold_graph into the layers behind a batch norm, where they pad nothing."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.fold import graphs
from tests.fold.graphs import NORMS, tf1
from tests.fold.networks import check
from tfbn.fold import fold_graph


def norm(name="FusedBatchNormV3"):
    """Of the activations that the network begins with."""
    x = tf.nn.relu(graphs.images(batch=2))
    return NORMS[name](x, False, **graphs.statistics(4))


def kernel(*shape, seed=0):
    return graphs.constant(np.random.RandomState(seed), *shape)


def conv(x, padding="VALID", size=3, outputs=5, **arguments):
    return tf.nn.conv2d(x, kernel(size, size, 4, outputs), arguments.pop("strides", 1), padding, **arguments)


def depthwise(x):
    return tf.nn.depthwise_conv2d(x, kernel(3, 2, 4, 2), [1, 1, 1, 1], "VALID")


def conv3d(x):
    return tf.nn.conv3d(x[:, None], kernel(1, 3, 2, 4, 5), [1] * 5, "VALID")


def flattened(x):
    return tf.matmul(tf.reshape(x, [-1, 7 * 6 * 4]), kernel(168, 3))


def across(x):
    """The channels are rows of the transposed matrix."""
    return tf.matmul(tf.transpose(tf.reshape(x, [-1, 4])), kernel(3, 4), transpose_a=True, transpose_b=True)


@pytest.mark.parametrize("name", NORMS)
def test_every_norm(name):
    folded = check(graphs.built(lambda: tf.nn.relu(conv(norm(name)), name="outputs")))
    assert [each.type for each in folded.folded] == ["Conv2D"]


@pytest.mark.parametrize(
    "layer",
    [
        lambda x: conv(x, "SAME", 1, strides=2),
        lambda x: conv(x, dilations=2),
        depthwise,
        flattened,
        across,
        lambda x: tf.matmul(tf.reshape(x, [-1, 4]), kernel(4, 3)),
        lambda x: tf.nn.bias_add(conv(x), kernel(5, seed=3)),
    ],
)
def test_every_layer(layer):
    """With one bias behind it, whether it had one or not."""
    folded = check(graphs.built(lambda: tf.nn.relu(layer(norm()), name="outputs")))
    assert len(folded.folded) == 1
    assert graphs.types(folded.graph_def).count("BiasAdd") == 1


@pytest.mark.parametrize(
    "between",
    [
        lambda x: tf.nn.avg_pool2d(x, 3, 2, "SAME"),
        lambda x: tf.reduce_mean(x, [1, 2], keepdims=True),
        lambda x: tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC"),
    ],
)
def test_across_what_mixes_positions(between):
    def make():
        tf.nn.relu(tf.nn.conv2d(between(norm("centred")), kernel(1, 1, 4, 5), 1, "VALID"), name="outputs")

    assert len(check(graphs.built(make)).folded) == 1


def test_several_layers():
    """That all take it, and one of which has a batch norm behind it, too."""

    def make():
        x = norm("centred")
        y = NORMS["FusedBatchNormV3"](conv(x), False, **graphs.statistics(5))
        tf.identity(y + tf.nn.relu(conv(x)), name="outputs")

    folded = check(graphs.built(make))
    assert [each.layer for each in folded.folded] == ["Conv2D", "Conv2D, Conv2D_1"]


def test_without_an_offset():
    """Zeros stay zeros, so that padding does not matter."""

    def make():
        scale = graphs.statistics(4)["gamma"] * tf.math.rsqrt(tf.constant(graphs.statistics(4)["moving_variance"]))
        tf.nn.relu(conv((tf.nn.relu(graphs.images()) - np.zeros(4, np.float32)) * scale, "SAME"), name="outputs")

    check(graphs.built(make))


def test_integer_outputs(monkeypatch):
    """What takes the layer's outputs is compared."""
    graph_def = graphs.built(lambda: tf.argmax(tf.nn.relu(conv(norm()), name="active"), 3, name="outputs"))
    assert fold_graph(graph_def).output == "active:0"
    monkeypatch.setattr("tfbn.fold.kernels.response", lambda layer, kernel, offset: np.ones(5))
    with pytest.raises(ValueError, match="in active:0 after folding FusedBatchNormV3"):
        fold_graph(graph_def)


ZEROS = "pads with zeros, which would have to be other values before it"


@pytest.mark.parametrize(
    "layer, reason",
    [
        (lambda x: conv(x, "SAME"), f"Conv2D (Conv2D) behind it {ZEROS}"),
        (lambda x: conv(x, [[0, 0], [1, 0], [0, 0], [0, 0]], 1), f"Conv2D (Conv2D) behind it {ZEROS}"),
        (lambda x: conv(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])), f"Pad (Pad) behind it {ZEROS}"),
        (
            lambda x: tf.nn.conv2d_transpose(x, kernel(3, 3, 5, 4), [2, 14, 12, 5], 2, "SAME"),
            "conv2d_transpose (Conv2DBackpropInput) behind it adds up fewer terms at its borders than elsewhere",
        ),
        (
            lambda x: tf.nn.conv2d(x, kernel(1, 1, 2, 6), 1, "VALID"),
            "Conv2D (Conv2D) behind it works on groups of its input channels",
        ),
        (
            lambda x: tf.nn.conv2d(x, tf1.placeholder_with_default(kernel(1, 1, 4, 6), [1, 1, 4, 6]), 1, "VALID"),
            "Conv2D (Conv2D) behind it has a kernel that is no constant",
        ),
        (lambda x: conv(x) + tf.reduce_mean(tf.nn.relu(x)), ""),
    ],
)
def test_stays(layer, reason):
    graph_def = graphs.built(lambda: tf.nn.relu(layer(norm()), name="outputs"))
    (finding,) = fold_graph(graph_def, ["outputs"], inputs={"images": graphs.batch_of()}).left
    front = "in front of it is no linear layer but Relu (Relu)"
    assert finding.problem == (f"{front}, and {reason}" if reason else front)


def test_an_output_stays():
    """What is behind the layer by its name would not have the bias."""
    graph_def = graphs.built(lambda: tf.nn.relu(conv(norm()), name="outputs"))
    (finding,) = fold_graph(graph_def, ["Conv2D", "outputs"]).left
    assert finding.problem.endswith("and Conv2D (Conv2D) behind it is an output of the graph, and would need a bias "
                                    "behind it")  # fmt: skip
    assert len(fold_graph(graph_def, ["FusedBatchNormV3", "outputs"]).left) == 1

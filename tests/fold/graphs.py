"""Frozen graphs for the tests of folding: linear layers, batch norms in all their forms, and what runs them."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tests.fold import linear

tf1 = tf.compat.v1
BATCH_NORMS = ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3", "Rsqrt")


def types(graph_def):
    return [node.op for node in graph_def.node]


def run(graph_def, outputs, feed):
    """By TensorFlow, in a graph of its own."""
    with tf.Graph().as_default(), tf1.Session() as session:
        tf.graph_util.import_graph_def(graph_def, name="")
        return session.run([f"{name}:0" for name in outputs], {f"{name}:0": value for name, value in feed.items()})


def built(make):
    """The GraphDef of what a function builds."""
    with tf.Graph().as_default() as graph:
        make()
        return graph.as_graph_def()


def constant(random, *shape):
    return random.normal(0.2, 0.5, shape).astype(np.float32)


def _conv(x, random, nchw):
    return tf.nn.conv2d(x, constant(random, 3, 2, 4, 6), 1, "SAME", data_format="NCHW" if nchw else "NHWC")


def _depthwise(x, random, nchw):
    strides, form = [1, 1, 1, 1], "NCHW" if nchw else "NHWC"
    return tf.nn.depthwise_conv2d(x, constant(random, 3, 2, 4, 2), strides, "SAME", data_format=form)


def _transposed(x, random, nchw):
    shape, form = ([2, 6, 14, 12], "NCHW") if nchw else ([2, 14, 12, 6], "NHWC")
    return tf.nn.conv2d_transpose(x, constant(random, 3, 2, 6, 4), shape, 2, "SAME", data_format=form)


def _conv1d(x, random, nchw):
    x = x[:, :, 0] if nchw else x[:, 0]
    return tf.nn.conv1d(x, constant(random, 3, 4, 6), 1, "SAME", data_format="NCW" if nchw else "NWC")


def _conv3d(x, random, nchw):
    x = tf.expand_dims(x, 2 if nchw else 1)
    kernel = constant(random, 1, 3, 2, 4, 6)
    return tf.nn.conv3d(x, kernel, [1] * 5, "SAME", data_format="NCDHW" if nchw else "NDHWC")


def _dense(x, random, nchw, transpose_a=False, transpose_b=False):
    x = tf.reduce_mean(x, [2, 3] if nchw else [1, 2])
    x = tf.transpose(x) if transpose_a else x
    kernel = constant(random, *((6, 4) if transpose_b else (4, 6)))
    return tf.matmul(x, kernel, transpose_a=transpose_a, transpose_b=transpose_b)


LINEARS = {
    "Conv2D": _conv,
    "DepthwiseConv2dNative": _depthwise,
    "Conv2DBackpropInput": _transposed,
    "Conv1D": _conv1d,
    "Conv3D": _conv3d,
    "MatMul": _dense,
    "MatMul transpose_a": lambda *given: _dense(*given, transpose_a=True),
    "MatMul transpose_b": lambda *given: _dense(*given, transpose_b=True),
}


def images(nchw=False, batch=None):
    return tf1.placeholder(tf.float32, [batch, 4, 7, 6] if nchw else [batch, 7, 6, 4], name="images")


def batch_of(nchw=False, count=2):
    return np.random.RandomState(7).normal(0.9, 1.3, [count, 4, 7, 6] if nchw else [count, 7, 6, 4]).astype(np.float32)


def statistics(channels, kept=("gamma", "beta")):
    made = linear.statistics(channels, dtype="float32")
    return {name: value for name, value in made.items() if name in (*kept, "moving_mean", "moving_variance")}


def fused(op):
    """The fused op of a version, on rank 4, or on what a reshape makes of another rank."""

    def norm(x, nchw, moving_mean, moving_variance, gamma=None, beta=None):
        channels = len(moving_mean)
        gamma = np.ones(channels, np.float32) if gamma is None else gamma
        beta = np.zeros(channels, np.float32) if beta is None else beta
        rank, shape = x.shape.rank, tf.shape(x)
        form = "NCHW" if nchw and rank > 2 else "NHWC"
        if rank != 4:
            x = tf.reshape(x, tf.concat([shape[:2], [-1, 1]], 0) if form == "NCHW" else [-1, 1, 1, channels])
        y = getattr(tf.raw_ops, op)(
            x=x, scale=gamma, offset=beta, mean=moving_mean, variance=moving_variance, epsilon=0.01,
            data_format=form, is_training=False,
        ).y  # fmt: skip
        return y if rank == 4 else tf.reshape(y, shape)

    return norm


def spread(x, nchw, values):
    """Values that broadcast along the channels."""
    return (
        values if values is None or not nchw or x.shape.rank == 2 else values.reshape([-1] + [1] * (x.shape.rank - 2))
    )


def by_tensorflow(x, nchw, **given):
    """tf.nn.batch_normalization: x * slope + (beta - mean * slope)."""
    given = {name: spread(x, nchw, value) for name, value in given.items()}
    return tf.nn.batch_normalization(
        x, given["moving_mean"], given["moving_variance"], given.get("beta"), given.get("gamma"), 0.01
    )


def centred(x, nchw, moving_mean, moving_variance, gamma=None, beta=None):
    """(x - mean) * (gamma / sqrt(variance + epsilon)) + beta, as tfbn composes it; in the old Add."""
    mean, variance, gamma, beta = (spread(x, nchw, each) for each in (moving_mean, moving_variance, gamma, beta))
    slope = tf.math.rsqrt(tf.raw_ops.Add(x=tf.constant(variance), y=np.float32(0.01)))
    y = (x - mean) * (slope if gamma is None else gamma * slope)
    return y if beta is None else tf.raw_ops.Add(x=y, y=beta)


NORMS = {
    "FusedBatchNorm": fused("FusedBatchNorm"),
    "FusedBatchNormV2": fused("FusedBatchNormV2"),
    "FusedBatchNormV3": fused("FusedBatchNormV3"),
    "tf.nn.batch_normalization": by_tensorflow,
    "centred": centred,
}


def biased(x, how, nchw):
    """With a bias of this kind."""
    bias = np.random.RandomState(5).normal(0.8, 1.0, 6 if x.shape[1 if nchw else -1] == 6 else 8).astype(np.float32)
    if how == "BiasAdd":
        return tf.nn.bias_add(x, bias, "NC" + "DHW"[3 - x.shape.rank + 2 :] if nchw and x.shape.rank > 2 else None)
    operation = {"Add": lambda x, y: tf.raw_ops.Add(x=x, y=y), "AddV2": tf.add}[how]
    return operation(x, spread(x, nchw, bias))

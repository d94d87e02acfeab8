"""Networks with batch norm of many shapes, trained, exported and folded, for other runtimes to compute."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

import tfbn
from tests.export.exported import randomize
from tests.graph.regimes import graph

tf1 = tf.compat.v1
DATA = Path(__file__).parents[1] / "export" / "data"


class Model(NamedTuple):
    graphs: dict[str, Any]  # GraphDefs: as exported, and folded
    x: np.ndarray  # for x:0
    expected: np.ndarray  # of y:0


def _kernel(shape, name="kernel"):
    return tf1.get_variable(name, shape, initializer=tf1.random_normal_initializer(stddev=0.5))


def conv(x, is_training):
    x = tf.nn.conv2d(x, _kernel([3, 3, 3, 8]), 1, "SAME")
    return tfbn.batch_norm(x, scale=True, is_training=is_training, activation_fn=tf.nn.relu)


def strided_with_bias(x, is_training):
    x = tf.nn.bias_add(tf.nn.conv2d(x, _kernel([3, 3, 3, 8]), 2, "VALID"), _kernel([8], "bias"))
    return tf.nn.relu6(tfbn.batch_normalization(x, training=is_training))


def pre_activation(x, is_training):
    x = tfbn.batch_norm(x, is_training=is_training, activation_fn=tf.nn.relu)
    return tf.nn.conv2d(x, _kernel([3, 3, 3, 4]), 1, "SAME")


def residual(x, is_training):
    for name in ("first", "second"):
        with tf1.variable_scope(name):
            y = tfbn.batch_norm(tf.nn.conv2d(x, _kernel([3, 3, 3, 3]), 1, "SAME"), is_training=is_training)
            x = tf.nn.relu(x + y)
    return x


def depthwise(x, is_training):
    x = tf.nn.depthwise_conv2d(x, _kernel([3, 3, 3, 2]), [1, 1, 1, 1], "SAME")
    return tfbn.batch_norm(x, is_training=is_training, activation_fn=tf.nn.relu6)


def separable(x, is_training):
    norm = {"is_training": is_training}
    return tfbn.layers.separable_conv2d(x, 5, 3, 2, normalizer_fn=tfbn.batch_norm, normalizer_params=norm)


def dilated(x, is_training):
    x = tf.nn.atrous_conv2d(x, _kernel([3, 3, 3, 4]), 2, "SAME")
    return tfbn.batch_norm(x, is_training=is_training)


def transposed(x, is_training):
    x = tf.nn.conv2d_transpose(x, _kernel([2, 2, 4, 3]), [6, 16, 16, 4], 2, "SAME")
    return tfbn.batch_norm(x, is_training=is_training, activation_fn=tf.nn.elu)


def concatenated(x, is_training):
    several = [tf.nn.conv2d(x, _kernel([size, size, 3, 4], f"kernel{size}"), 1, "SAME") for size in (1, 3)]
    return tfbn.batch_norm(tf.concat(several, 3), is_training=is_training)


def pooled(x, is_training):
    """Ops behind which nothing is folded: it is lowered."""
    x = tf.nn.avg_pool2d(tf.nn.conv2d(x, _kernel([3, 3, 3, 4]), 1, "SAME"), 2, 2, "SAME")
    return tfbn.batch_norm(x, is_training=is_training)


def dense(x, is_training):
    x = tf.matmul(tf.reshape(x, [-1, 192]), _kernel([192, 5]))
    return tfbn.batch_norm(x, is_training=is_training, scale=True)


def sequence(x, is_training):
    """Of three axes, normalized by composed ops."""
    x = tf.nn.conv1d(tf.reshape(x, [-1, 8, 24]), _kernel([3, 24, 6]), 1, "SAME")
    return tfbn.batch_norm(x, is_training=is_training, fused=False)


def volume(x, is_training):
    x = tf.nn.conv3d(tf.reshape(x, [-1, 4, 4, 4, 3]), _kernel([2, 2, 2, 3, 4]), [1] * 5, "SAME")
    return tfbn.batch_norm(x, is_training=is_training)


def renormalized(x, is_training):
    x = tf.nn.conv2d(x, _kernel([3, 3, 3, 4]), 1, "SAME")
    return tfbn.batch_norm(x, is_training=is_training, renorm=True)


def shared(x, is_training):
    """One layer for two inputs, as in a Siamese network."""
    with tf1.variable_scope("branch", reuse=tf1.AUTO_REUSE):
        return tf.concat([conv(x, is_training), conv(x[:, ::-1], is_training)], 3)


def partitioned(x, is_training):
    with tf1.variable_scope("parts", partitioner=tf1.fixed_size_partitioner(2)):
        x = tf.nn.conv2d(x, tf.convert_to_tensor(_kernel([3, 3, 3, 8])), 1, "SAME")
        return tfbn.batch_norm(x, is_training=is_training)


def channels_first(x, is_training):
    x = tf.transpose(tf.nn.conv2d(x, _kernel([3, 3, 3, 4]), 1, "SAME"), [0, 3, 1, 2])
    return tfbn.batch_norm(x, is_training=is_training, data_format="NCHW", fused=False)


def by_hand(x, is_training):
    x = tf.nn.conv2d(x, _kernel([3, 3, 3, 4]), 1, "SAME")
    batch = tf.nn.moments(x, [0, 1, 2])
    moving = [_kernel([4], "pop_mean"), _kernel([4], "pop_var")]
    for average, value in zip(moving, batch):
        tf1.add_to_collection("updates", tf1.assign(average, average * 0.9 + value * 0.1))
    mean, variance = tf1.cond(
        tf.convert_to_tensor(is_training), lambda: list(batch), lambda: list(map(tf.identity, moving))
    )
    return (x - mean) / tf.sqrt(variance + 1e-3)


# Whether a run says that it trains, or the layer was built for training alone.
FED = [conv, strided_with_bias, pre_activation, residual, depthwise, separable, dilated, transposed, concatenated]
FED += [pooled, dense, sequence, volume, renormalized, shared, partitioned, channels_first, by_hand]
BUILT_TO_TRAIN = [conv, dense, sequence, residual]
MODELS = {
    **{build.__name__: (build, False) for build in FED},
    **{f"{build.__name__} built to train": (build, True) for build in BUILT_TO_TRAIN},
    "written by TensorFlow 1.15": (None, False),
}


def make(name: str) -> Model:
    """With random variables and images; what to expect, the same variables say in a network built for inference."""
    build, is_built_to_train = MODELS[name]
    if build is None:
        return _with_folded(*_of_the_original())
    x = np.random.default_rng(len(name)).normal(2.0, 3.0, [6, 8, 8, 3]).astype(np.float32)
    with graph():
        images = tf1.placeholder(tf.float32, [6, 8, 8, 3], name="x")
        training = True if is_built_to_train else tf1.placeholder_with_default(True, [], name="is_training")
        with tf1.variable_scope("net"):
            y = tf.identity(build(images, training), name="y")
        with tf1.variable_scope("net", reuse=True):
            inference = build(images, False)
        with tf1.Session() as session:
            randomize(session)
            expected = session.run(inference, {images: x})
            exported = tfbn.export.inference_graph(session, y)
    return _with_folded(exported.graph_def, x, expected)


def _of_the_original():
    meta_graph = tf1.MetaGraphDef.FromString(gzip.decompress(DATA.joinpath("contrib.meta.gz").read_bytes()))
    exported = tfbn.export.inference_graph(meta_graph, "training/outputs", checkpoint=DATA / "contrib")
    with np.load(DATA / "contrib.npz") as arrays:
        images, expected = arrays["images"], arrays["training"]
    with tf.Graph().as_default() as renamed:
        x = tf1.placeholder(tf.float32, images.shape, name="x")
        (y,) = tf.import_graph_def(exported.graph_def, {"images": x}, ["training/outputs:0"], name="")
        tf.identity(y, name="net/y")
    return renamed.as_graph_def(), images, expected


def _with_folded(graph_def, x, expected) -> Model:
    folded = tfbn.fold.fold_graph(graph_def, ["net/y"], inputs={"x": x}, lower=True)
    assert folded.batch_norms
    assert folded.left == []
    return Model({"exported": graph_def, "folded": folded.graph_def}, x, expected)

"""Frozen graphs of the original for the tests of folding. Runs under TensorFlow 1.15.5:

    INTERPRETER tests/fold/data/make_graphs.py FOLDER

writes contrib.pb.gz, optimized.pb.gz (the same after TensorFlow's graph optimizer), nchw.pb.gz, and contrib.npz with
inputs and what the original makes of them.
"""

from __future__ import annotations

import gzip
import os
import sys

import numpy as np
import tensorflow.compat.v1 as tf

OUTPUT = "outputs"


def network(images, data_format):
    """Every linear layer with every kind of batch norm that contrib and tf.layers make, and one behind a relu."""
    from tensorflow.contrib import layers

    nhwc = data_format == "NHWC"
    norm = {"is_training": False, "data_format": data_format}

    def plain(net, name, **arguments):
        return layers.conv2d(
            net, 6, 3, scope=name, activation_fn=None, data_format=data_format, biases_initializer=None, **arguments
        )

    net = layers.batch_norm(plain(images, "conv1"), scale=True, scope="fused", **norm)
    net = layers.batch_norm(plain(tf.nn.relu(net), "conv2"), fused=False, scope="composed", **norm)
    net = layers.batch_norm(
        plain(tf.nn.relu(net), "conv3"), fused=False, scale=True, center=False, scope="gamma", **norm
    )
    net = tf.layers.batch_normalization(plain(tf.nn.relu(net), "conv4"), axis=3 if nhwc else 1, name="tf_layers")
    # With a bias in front.
    net = layers.conv2d(tf.nn.relu(net), 6, 3, scope="conv5", data_format=data_format, activation_fn=None)
    net = layers.batch_norm(net, scale=True, scope="after_bias", **norm)
    if nhwc:
        net = layers.separable_conv2d(tf.nn.relu(net), None, 3, 1, scope="depthwise", activation_fn=None)
        net = layers.batch_norm(net, scope="after_depthwise", **norm)
        net = layers.separable_conv2d(tf.nn.relu(net), 5, 3, 2, scope="separable", activation_fn=None)
        net = layers.batch_norm(net, scope="after_separable", scale=True, **norm)
    net = layers.conv2d_transpose(
        tf.nn.relu(net), 4, 3, 2, scope="transpose", normalizer_fn=layers.batch_norm, normalizer_params=norm,
        data_format=data_format, activation_fn=None,
    )  # fmt: skip
    net = tf.reduce_mean(tf.nn.relu(net), [1, 2] if nhwc else [2, 3])
    dense = {"is_training": False, "scale": True}
    net = layers.fully_connected(net, 8, scope="dense1", normalizer_fn=layers.batch_norm, normalizer_params=dense)
    dense["fused"] = False
    net = layers.fully_connected(net, 8, scope="dense2", normalizer_fn=layers.batch_norm, normalizer_params=dense)
    net = layers.batch_norm(net, is_training=False, scope="behind_relu", fused=False)
    return tf.identity(layers.fully_connected(net, 3, scope="dense3", activation_fn=None), name=OUTPUT)


def randomize(session):
    """Values as training leaves them: nothing of a batch norm is 0 or 1."""
    random = np.random.RandomState(0)
    for variable in tf.global_variables():
        shape = variable.shape.as_list()
        if len(shape) > 1:
            value = random.normal(0.0, 1.5 / np.sqrt(np.prod(shape[:-1])), shape)
        elif "variance" in variable.name:
            value = random.gamma(3.0, 0.4, shape)
        else:
            value = random.normal(0.8, 0.5, shape)
        variable.load(value.astype(np.float32), session)


def optimized(graph_def):
    """With constants folded, as grappler does it before a graph runs."""
    from tensorflow.core.protobuf import config_pb2
    from tensorflow.python.grappler import tf_optimizer

    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name="")
        graph.add_to_collection("train_op", graph.get_tensor_by_name(OUTPUT + ":0"))
        meta = tf.train.export_meta_graph(graph=graph)
    config = config_pb2.ConfigProto()
    rewrites = config.graph_options.rewrite_options
    rewrites.min_graph_nodes = -1
    rewrites.optimizers.extend(["constfold"])
    return tf_optimizer.OptimizeGraph(config, meta)


def write(path, graph_def):
    with open(path, "wb") as file, gzip.GzipFile(fileobj=file, mode="wb", mtime=0, filename="") as packed:
        packed.write(graph_def.SerializeToString(deterministic=True))


def main(folder):
    tf.logging.set_verbosity("ERROR")
    for data_format, name in (("NHWC", "contrib"), ("NCHW", "nchw")):
        shape = [None, 8, 8, 3] if data_format == "NHWC" else [None, 3, 8, 8]
        with tf.Graph().as_default() as graph, tf.Session() as session:
            images = tf.placeholder(tf.float32, shape, name="images")
            outputs = network(images, data_format)
            session.run(tf.global_variables_initializer())
            randomize(session)
            frozen = tf.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), [OUTPUT])
            write(os.path.join(folder, name + ".pb.gz"), frozen)
            if data_format == "NHWC":
                write(os.path.join(folder, "optimized.pb.gz"), optimized(frozen))
                batch = np.random.RandomState(1).normal(1.0, 2.0, [4, 8, 8, 3]).astype(np.float32)
                found = session.run(outputs, {images: batch})
                np.savez_compressed(os.path.join(folder, "contrib.npz"), images=batch, outputs=found)


if __name__ == "__main__":
    main(sys.argv[1])

"""Frozen, exported and folded by the list of output names that a script has from TensorFlow 1.15."""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle
from tests.export.exported import assert_close, leftovers, randomize, run
from tests.graph.regimes import graph

tf1 = tf.compat.v1
# What 1.15.5 calls them.
OUTPUTS = ["net/conv/BatchNorm/cond/Merge", "net/fc/BatchNorm/Reshape_1", "net/head/batchnorm/add_1"]
IMAGES = oracle.batch([6, 4, 4, 3]).astype(np.float32)


def network():
    images = tf1.placeholder(tf.float32, [None, 4, 4, 3], name="images")
    is_training = tf1.placeholder(tf.bool, [], name="is_training")
    norm = {
        "activation_fn": None,
        "normalizer_fn": tfbn.batch_norm,
        "normalizer_params": {"is_training": is_training},
    }
    with tf1.variable_scope("net"):
        net = tfbn.layers.conv2d(images, 4, 3, scope="conv", **norm)
        net = tfbn.layers.fully_connected(tfbn.layers.flatten(tf.nn.relu(net)), 5, scope="fc", **norm)
        tfbn.batch_normalization(net, training=is_training, name="head")


def frozen(session):
    graph_def = session.graph.as_graph_def()
    return tf1.graph_util.convert_variables_to_constants(session, graph_def, OUTPUTS), {"is_training:0": False}


def exported(session):
    return tfbn.export.inference_graph(session, OUTPUTS).graph_def, {}


def folded(session):
    fold = tfbn.fold.fold_graph(exported(session)[0], OUTPUTS)
    assert len(fold.folded) == 2, fold
    return fold.graph_def, {}


@pytest.mark.parametrize("convert", [frozen, exported, folded])
def test_by_the_originals_names(convert):
    tensors = [f"{name}:0" for name in OUTPUTS]
    with graph(resource=False), tf1.Session() as session:
        network()
        randomize(session)
        expected = session.run(tensors, {"images:0": IMAGES, "is_training:0": False})
        graph_def, feeds = convert(session)
    assert convert is frozen or leftovers(graph_def, ["images"]) == []
    for found, each in zip(run(graph_def, tensors, {"images:0": IMAGES, **feeds}), expected):
        assert_close(found, each)

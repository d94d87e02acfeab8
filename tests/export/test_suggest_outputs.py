"""What an error names where a training graph has no signature: logits before losses, and nothing of the training."""

import pytest
import tensorflow as tf

import tfbn
from tests.graph.regimes import graph
from tfbn.export.suggest_outputs import suggest_outputs

tf1 = tf.compat.v1


def classifier(name):
    x = tf1.placeholder(tf.float32, [None, 3], name="x")
    hidden = tfbn.batch_norm(x, is_training=tf1.placeholder(tf.bool, [], name="is_training"), scope="norm")
    logits = tf.matmul(hidden, tf1.get_variable("kernel", [3, 2]), name=name)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.zeros([8], tf.int64), logits=logits)
    tf.argmax(logits, 1, name="classes")
    tf.shape(logits, name="shape")
    tf1.summary.histogram("hidden", hidden)
    tfbn.create_train_op(tf.reduce_mean(losses, name="loss"), tf1.train.AdamOptimizer(0.1))
    tf1.train.Saver()


@pytest.mark.parametrize("control_flow_v2", [False, True], ids=["v1", "v2"])
@pytest.mark.parametrize("name", ["logits", "anything"])
def test_logits_come_first(name, control_flow_v2):
    with graph(control_flow_v2=control_flow_v2) as opened:
        classifier(name)
    assert suggest_outputs(opened)[0] == name
    assert set(suggest_outputs(opened)) == {name, "classes", "loss"}


def test_graph_without_layers_behind_placeholders():
    with graph() as opened:
        tf.exp(tf1.placeholder(tf.float32, [3], name="x"), name="net/Predictions")
        tf1.get_variable("unused", [3])
    assert suggest_outputs(opened) == ["net/Predictions"]
    assert suggest_outputs(tf.Graph()) == []

"""Ops of a graph, by themselves."""

import tensorflow as tf

from tfbn.graphdef import nodes

tf1 = tf.compat.v1


def test_notes_of_shapes_that_are_wrong():
    """TensorFlow 1.15 has [0] for two outputs of the fused op's gradient, and later versions refuse to import that."""
    with tf.Graph().as_default() as graph:
        x, gamma = tf1.placeholder(tf.float32, [2, 3, 3, 4]), tf1.placeholder(tf.float32, [4])
        outputs = tf1.nn.fused_batch_norm(x, gamma, gamma)[0]
        tf.gradients(outputs, [x])
    graph_def = graph.as_graph_def(add_shapes=True)
    (gradient,) = [node for node in graph_def.node if node.op == "FusedBatchNormGradV3"]
    gradient.attr["_output_shapes"].list.shape[1].dim[0].size = 7
    imported = nodes.imported({node.name: node for node in graph_def.node}, graph_def)
    assert imported.get_tensor_by_name(f"{gradient.name}:1").shape == [4]

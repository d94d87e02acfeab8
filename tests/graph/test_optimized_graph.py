"""What TensorFlow's graph optimizer makes of the layer."""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle
from tests.graph.regimes import graph

tf1 = tf.compat.v1


def optimized_types(fetch, feeds, opened):
    """The types of the ops that really run."""
    metadata = tf1.RunMetadata()
    options = tf1.RunOptions(output_partition_graphs=True)
    value = opened.run(fetch, feeds, options=options, run_metadata=metadata)
    return value, [node.op for partition in metadata.partition_graphs for node in partition.node]


@pytest.mark.parametrize("front_end", ["batch_norm", "batch_norm with renorm", "batch_normalization"])
@pytest.mark.parametrize("resource", [False, True], ids=["ref", "resource"])
def test_inference_fuses_with_conv_and_relu(resource, front_end):
    x = oracle.batch([2, 6, 6, 3]).astype(np.float32)
    with graph(resource):
        inputs = tf1.placeholder(tf.float32, [None, 6, 6, 3])
        filters = tf1.get_variable("filters", [3, 3, 3, 8])
        convolved = tf.nn.conv2d(inputs, filters, 1, "SAME")
        if front_end != "batch_normalization":
            # With renorm an identity gives the outputs their name.
            renorm = front_end == "batch_norm with renorm"
            normalized = tfbn.batch_norm(convolved, scale=True, is_training=False, renorm=renorm)
        else:
            normalized = tfbn.batch_normalization(convolved, training=False)
        outputs = tf.nn.relu(normalized)
        config = tf1.ConfigProto()
        config.graph_options.rewrite_options.min_graph_nodes = -1  # graphs as small as this one too
        with tf1.Session(config=config) as opened:
            opened.run(tf1.global_variables_initializer())
            found, types = optimized_types(outputs, {inputs: x}, opened)
            # At a mean of 0 and a variance of 1.
            expected = np.maximum(opened.run(convolved, {inputs: x}) / np.sqrt(1.001), 0)
    assert {"_FusedConv2D", "_MklNativeFusedConv2D"} & set(types), types
    assert not {"FusedBatchNormV3", "_MklNativeFusedBatchNormV3", "Relu", "_MklNativeRelu"} & set(types), types
    # float32 sums of 27 products up to 5, in another order.
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)

"""Named outputs and the size of the last axis; the rest of them is compared in parity."""

from __future__ import annotations

import tensorflow.compat.v1 as tf

import tfbn
from tfbn.layers import utils


def test_layers_and_batch_norm_name_their_outputs_alike():
    """One collection holds both, by the names of their scopes, in the order of the network."""
    with tf.Graph().as_default():
        net = tfbn.layers.flatten(tf.zeros([2, 3, 4]), "points", scope="flat")
        net = tfbn.layers.fully_connected(net, 5, outputs_collections="points", scope="outer/fc")
        tfbn.batch_norm(net, outputs_collections=["points", "norms"], scope="norm")
        found = utils.convert_collection_to_dict("points")
        assert list(found) == ["flat", "outer/fc", "norm"]
        assert [utils.last_dimension(tensor.shape) for tensor in found.values()] == [12, 5, 5]
        assert list(utils.convert_collection_to_dict("norms", clear_collection=True)) == ["norm"]
        assert tf.get_collection("norms") == []

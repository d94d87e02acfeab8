"""What each call leaves behind for those who ask later."""

import pytest
import tensorflow as tf

import tfbn
from tests.graph.regimes import graph
from tfbn.graph import registry

tf1 = tf.compat.v1


def inputs():
    return tf1.placeholder(tf.float32, [None, 3])


def test_calls_are_listed_in_order_even_when_shared():
    with graph() as opened:
        outputs = [tfbn.batch_norm(inputs(), scope="a", reuse=reuse) for reuse in (None, True)]
        layer = tfbn.batch_normalization(inputs(), training=True, name="b")
        calls = registry.calls_of(opened)
        assert [call.scope for call in calls] == ["a", "a", "b"]
        assert [call.outputs for call in calls] == [*outputs, layer]
        assert calls[0].variables["moving_mean"] is calls[1].variables["moving_mean"]


@pytest.mark.parametrize(
    "collections, expected",
    [
        (tf1.GraphKeys.UPDATE_OPS, ("update_ops",)),
        ("mine", ("mine",)),
        (["a", "b"], ("a", "b")),
        ([], ()),
        (None, None),
    ],
)
def test_a_call_says_where_its_updates_went(collections, expected):
    with graph() as opened:
        tfbn.batch_norm(inputs(), updates_collections=collections, is_training=True)
        (call,) = registry.calls_of(opened)
        assert call.collections == expected
        assert len(call.updates) == 2
        for name in expected or ():
            assert tf1.get_collection(name) == list(call.updates)


def test_a_call_that_moves_nothing_has_no_updates():
    with graph() as opened:
        tfbn.batch_norm(inputs(), is_training=False)
        (call,) = registry.calls_of(opened)
        assert (call.is_training, call.updates, call.collections) == (False, (), ())


@pytest.mark.parametrize("v2", [False, True])
def test_outer_graph_knows_calls_in_bodies(v2):
    with graph(resource=True, control_flow_v2=v2) as opened:
        x = inputs()
        tf1.cond(tf1.placeholder(tf.bool, []), lambda: tfbn.batch_norm(x), lambda: x)
        (call,) = registry.calls_of(opened)
        assert call.collections is None

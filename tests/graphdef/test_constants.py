"""Ops by NumPy: every one that is known gives what TensorFlow gives."""

import numpy as np
import pytest
import tensorflow as tf

from tests.graph.regimes import graph
from tfbn.graphdef import constants
from tfbn.graphdef.dataflow import Dataflow

tf1 = tf.compat.v1
random = np.random.RandomState(0)
X, Y = random.uniform(0.5, 3.0, [2, 3, 4]), random.uniform(0.5, 3.0, [2, 3, 4])
Y[0] = X[0]  # so that some are equal
A, B = random.rand(2, 3) < 0.5, random.rand(2, 3) < 0.5
raw = tf.raw_ops


def call(op, **arguments):
    return lambda: getattr(raw, op)(**arguments)


BOTH = ("Equal", "NotEqual", "Greater", "GreaterEqual", "Less", "LessEqual", "Add", "AddV2", "Sub", "Mul", "RealDiv")
BOTH += ("Div", "Maximum", "Minimum", "Pow")
OPS = {
    **{op: call(op, input=X) for op in ("Identity", "Snapshot", "StopGradient", "PreventGradient")},
    **{op: call(op, x=X) for op in ("Neg", "Square", "Sqrt", "Rsqrt", "Reciprocal", "Inv")},
    **{op: call(op, x=X, y=Y) for op in BOTH},
    **{op: call(op, x=A, y=B) for op in ("LogicalAnd", "LogicalOr")},
    "LogicalNot": lambda: raw.LogicalNot(x=A),
    "Cast": lambda: raw.Cast(x=X, DstT=tf.int32),
    "FloorDiv": lambda: raw.FloorDiv(x=np.int32([7, -7, 9]), y=np.int32([2, 2, 3])),
    "Reshape": lambda: raw.Reshape(tensor=X, shape=[4, -1]),
    "ExpandDims": lambda: raw.ExpandDims(input=X, axis=1),
    "Squeeze": lambda: raw.Squeeze(input=X[:, :1, :, None], axis=[1]),
    "Transpose": lambda: raw.Transpose(x=X, perm=[2, 0, 1]),
    "BroadcastTo": lambda: raw.BroadcastTo(input=X[:, :1], shape=[2, 3, 4]),
    "Fill": lambda: raw.Fill(dims=[2, 3], value=np.float64(1.25)),
    "Pack": lambda: raw.Pack(values=[X, Y], axis=2),
    "ConcatV2": lambda: raw.ConcatV2(values=[X, Y], axis=1),
    "Prod": lambda: raw.Prod(input=X, axis=[0, 2], keep_dims=True),
    "StridedSlice": lambda: tf.constant([3, 1, 4, 1, 5])[1:4:2],
}


@pytest.mark.parametrize("op", OPS)
def test_values_are_those_of_tensorflow(op):
    """In float64 both times; a root or a power may differ in its last bit."""
    with graph() as opened, tf1.Session() as session:
        tensor = OPS[op]()
        assert tensor.op.type == op
        assert constants.can_compute(op)
        expected = session.run(tensor)
        nodes = Dataflow(opened.as_graph_def()).nodes
    value = constants.Constants().value((nodes[tensor.op.name], 0))
    assert value is not None
    assert value.dtype == expected.dtype
    np.testing.assert_allclose(value, expected, rtol=1e-15, atol=0)


@pytest.mark.parametrize(
    "index",
    [
        (1,),
        (np.newaxis, 0),
        (slice(None), 2),
        (Ellipsis, slice(1, None, 2)),
        (0, Ellipsis, np.newaxis, -1),
        (slice(None, None, -1), np.newaxis, slice(0, 2)),
    ],
    ids=str,
)
def test_slices_of_any_rank(index):
    """As of both statistics in one variable, or with an axis that broadcasts."""
    with graph() as opened:
        name = tf.constant(X)[index].op.name
        nodes = Dataflow(opened.as_graph_def()).nodes
    value = constants.Constants().value((nodes[name], 0))
    assert value is not None
    np.testing.assert_array_equal(value, X[index])


def test_float_casts_round_only_when_computed():
    """Constants keep float64 until the end: what is folded is rounded once."""
    with graph() as opened:
        cast = tf.cast(tf.constant(0.1, tf.float64), tf.float16)
        node = Dataflow(opened.as_graph_def()).nodes[cast.op.name]
    assert constants.Constants().value((node, 0)) == 0.1
    assert constants.compute("Cast", node.attr, np.float64(0.1)) == np.float16(0.1)


def test_what_depends_on_inputs_has_no_value():
    with graph() as opened:
        sum_ = tf.constant(1.0) + tf1.placeholder(tf.float32, [])
        sine = tf.sin(tf.constant(1.0))
        nodes = Dataflow(opened.as_graph_def()).nodes
    for tensor in (sum_, sine):
        assert constants.Constants().value((nodes[tensor.op.name], 0)) is None

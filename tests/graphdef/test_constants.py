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
OPS = {
    "Identity": lambda: raw.Identity(input=X),
    "Snapshot": lambda: raw.Snapshot(input=X),
    "StopGradient": lambda: raw.StopGradient(input=X),
    "PreventGradient": lambda: raw.PreventGradient(input=X),
    "LogicalNot": lambda: raw.LogicalNot(x=A),
    "LogicalAnd": lambda: raw.LogicalAnd(x=A, y=B),
    "LogicalOr": lambda: raw.LogicalOr(x=A, y=B),
    "Equal": lambda: raw.Equal(x=X, y=Y),
    "NotEqual": lambda: raw.NotEqual(x=X, y=Y),
    "Greater": lambda: raw.Greater(x=X, y=Y),
    "GreaterEqual": lambda: raw.GreaterEqual(x=X, y=Y),
    "Less": lambda: raw.Less(x=X, y=Y),
    "LessEqual": lambda: raw.LessEqual(x=X, y=Y),
    "Cast": lambda: raw.Cast(x=X, DstT=tf.int32),
    "Neg": lambda: raw.Neg(x=X),
    "Square": lambda: raw.Square(x=X),
    "Sqrt": lambda: raw.Sqrt(x=X),
    "Rsqrt": lambda: raw.Rsqrt(x=X),
    "Reciprocal": lambda: raw.Reciprocal(x=X),
    "Inv": lambda: raw.Inv(x=X),
    "Add": lambda: raw.Add(x=X, y=Y),
    "AddV2": lambda: raw.AddV2(x=X, y=Y),
    "Sub": lambda: raw.Sub(x=X, y=Y),
    "Mul": lambda: raw.Mul(x=X, y=Y),
    "RealDiv": lambda: raw.RealDiv(x=X, y=Y),
    "Div": lambda: raw.Div(x=X, y=Y),
    "FloorDiv": lambda: raw.FloorDiv(x=np.int32([7, -7, 9]), y=np.int32([2, 2, 3])),
    "Maximum": lambda: raw.Maximum(x=X, y=Y),
    "Minimum": lambda: raw.Minimum(x=X, y=Y),
    "Pow": lambda: raw.Pow(x=X, y=Y),
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

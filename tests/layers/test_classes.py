"""Layers derived from that of tf.layers; names and numbers are compared in parity."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from tests.graph import regimes
from tfbn.layers import v1
from tfbn.migrate.rules import layer_members


class Gated(v1.Layer):
    """A layer within a layer, over a nest of inputs of two dtypes."""

    def build(self, input_shape):
        values, ids = input_shape
        self.table = self.add_weight("table", [7, values[-1]], initializer=tf.ones_initializer())
        self.dense = v1.Dense(4, kernel_initializer=tf.ones_initializer(), name="inner")
        super().build(input_shape)

    def call(self, inputs, scale=1.0):
        values, ids = inputs
        return self.dense(scale * values * tf.nn.embedding_lookup(self.table, ids))


@pytest.mark.parametrize("resource", [False, True], ids=["ref", "resource"])
def test_layer_of_layers_trains(resource):
    """Its variables are its own; those of the layer within are in its scope."""
    values = np.random.default_rng(4).normal(2.0, 1.0, [3, 5]).astype(np.float32)
    with regimes.graph(resource), tf.Session() as session:
        layer = Gated()
        outputs = layer([tf.constant(values), tf.constant([6, 0, 3])], scale=2.0)
        assert [variable.op.name for variable in layer.variables] == ["gated/table"]
        assert [variable.op.name for variable in tf.trainable_variables()][1:] == [
            "gated/inner/kernel",
            "gated/inner/bias",
        ]
        session.run(tf.global_variables_initializer())
        expected = np.repeat(2.0 * values.sum(1, keepdims=True), 4, axis=1)
        np.testing.assert_allclose(session.run(outputs), expected, rtol=1e-5)
        session.run(tf.train.GradientDescentOptimizer(0.01).minimize(tf.reduce_sum(outputs)))
        np.testing.assert_allclose(session.run(layer.table)[[1, 6]], [np.ones(5), 1 - 0.08 * values[0]], rtol=1e-5)


@pytest.mark.parametrize("layer", [v1.Dense(3), v1.Conv1D(3, 2), v1.Conv3DTranspose(3, 2), v1.Dropout()])
def test_classes_take_no_integers(layer):
    with tf.Graph().as_default(), pytest.raises(TypeError, match="expected float16, .* got int32"):
        layer(tf.zeros([2, 3], tf.int32))


@pytest.mark.parametrize(
    "layer, name, has",
    [(v1.Conv3D(3, 2), "kernel", "kernel, bias"), (v1.SeparableConv1D(3, 2, use_bias=False), "pointwise_kernel", "")],
)
def test_variables_before_the_first_call(layer, name, has):
    """As any attribute that is not there yet, so that getattr has its default."""
    with pytest.raises(AttributeError, match=f"{type(layer).__name__} has no {name}: its first call creates .*{has}"):
        getattr(layer, name)
    assert getattr(layer, name, None) is None


_AFFINE = "use_bias activation activity_regularizer bias_initializer bias_regularizer bias_constraint"
_WINDOW = "kernel_size strides padding data_format"
_CONVOLUTION = f"rank filters dilation_rate {_WINDOW} {_AFFINE}"
ATTRIBUTES = {
    "Dense": ((3,), ["kernel"], f"units {_AFFINE}"),
    "Conv1D": ((3, 2), ["kernel"], _CONVOLUTION),
    "Conv2D": ((3, 2), ["kernel"], _CONVOLUTION),
    "Conv3DTranspose": ((3, 2), ["kernel"], _CONVOLUTION),
    "SeparableConv2D": ((3, 2), ["depthwise", "pointwise"], f"depth_multiplier {_CONVOLUTION}"),
    "MaxPooling2D": ((2, 1), [], "pool_size strides padding data_format"),
}


@pytest.mark.parametrize(("name", "given"), ATTRIBUTES.items(), ids=ATTRIBUTES)
def test_layers_keep_their_arguments(name, given):
    """As attributes, which `vars` of the original's layers shows without an underscore (1.15.5)."""
    sizes, kernels, recorded = given
    kinds = {"initializer": "ones", "regularizer": tf.nn.l2_loss, "constraint": tf.nn.relu}
    arguments = {f"{kernel}_{kind}": value for kernel in kernels for kind, value in kinds.items()}
    layer = getattr(v1, name)(*sizes, **arguments)
    assert [each for each in recorded.split() if not hasattr(layer, each)] == []
    for kernel in kernels:
        assert isinstance(getattr(layer, f"{kernel}_initializer"), tf.initializers.ones)
        assert getattr(layer, f"{kernel}_regularizer") is tf.nn.l2_loss
        assert getattr(layer, f"{kernel}_constraint") is tf.nn.relu


def test_arguments_set_before_the_first_call_make_the_variables():
    with regimes.graph(), tf.Session() as session:
        layer = v1.Conv2D(3, 2, dilation_rate=2, data_format="channels_last")
        assert (layer.rank, layer.dilation_rate, layer.data_format) == (2, (2, 2), "channels_last")
        layer.kernel_initializer, layer.bias_regularizer = tf.constant_initializer(2.0), tf.nn.l2_loss
        layer(tf.zeros([2, 5, 5, 3]))
        session.run(tf.global_variables_initializer())
        assert (session.run(layer.kernel) == 2.0).all()
        assert len(layer.losses) == 1


def test_what_the_codemod_reports_as_missing_is():
    """And the members that its advice names are there."""
    assert [name for name in sorted(layer_members.MISSING) if hasattr(v1.Layer(), name)] == []
    every = (v1.Dense(3), v1.Conv2D(3, 2), v1.Conv2DTranspose(3, 2), v1.SeparableConv1D(3, 2), v1.MaxPooling1D(2, 1))
    missing = layer_members.MISSING - {"activity_regularizer"} | layer_members.MISSING_IN_WINDOW_LAYERS
    assert [(layer, name) for layer in every for name in sorted(missing) if hasattr(layer, name)] == []
    with tf.Graph().as_default():
        layer = v1.Layer()
        layer(tf.zeros([2]))
        members = "build call add_weight add_variable add_loss add_update name scope_name variables losses updates"
        assert all(hasattr(layer, name) for name in members.split())

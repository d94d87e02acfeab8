"""The warning for a normalizer_fn that takes the wrong axis for the channels; the call itself is compared in parity."""

from __future__ import annotations

import functools

import pytest
import tensorflow.compat.v1 as tf

import tfbn
from tfbn import layers

NCHW = {"data_format": "NCHW"}
LAYERS = {
    "conv2d": layers.conv2d,
    "conv2d_transpose": layers.conv2d_transpose,
    "separable_conv2d": layers.separable_conv2d,
}


def build(layer=layers.conv2d, data_format="NCHW", normalizer_fn=tfbn.batch_norm, params=None):
    """The shape of the first variable that the normalizer makes."""
    with tf.Graph().as_default():
        images = tf.placeholder(tf.float32, [None, 3, 8, 6])
        layer(images, 4, 3, data_format=data_format, normalizer_fn=normalizer_fn, normalizer_params=params, scope="s")
        return tf.global_variables("s/[bB]atch")[0].shape.as_list()


@pytest.mark.parametrize("name", LAYERS)
def test_warns_where_the_width_is_normalized(name):
    """Of every convolution; the variables are as wide as the images, as in the original."""
    with pytest.warns(
        tfbn.CompatibilityWarning, match=rf"{name}: normalizer_fn does not get .*'NCHW'.* last axis, of 6"
    ):
        assert build(LAYERS[name]) == [6]


def test_names_the_remedy():
    with pytest.warns(
        tfbn.CompatibilityWarning, match=r"normalizer_params=\{'data_format': 'NCHW', \.\.\.\}"
    ) as caught:
        build()
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    "given",
    [
        {"params": NCHW},
        {"normalizer_fn": functools.partial(tfbn.batch_norm, **NCHW)},
        {"normalizer_fn": functools.partial(functools.partial(tfbn.batch_norm, scale=True), **NCHW)},
        {"normalizer_fn": tfbn.batch_normalization, "params": {"axis": 1}},
        {"normalizer_fn": tfbn.batch_normalization, "params": {"axis": [1]}},
    ],
)
def test_says_nothing_where_it_is_told(given):
    """A CompatibilityWarning would be an error here."""
    assert build(**given) == [4]


def test_says_nothing_where_an_arg_scope_tells():
    with tfbn.arg_scope([tfbn.batch_norm], **NCHW):
        assert build() == [4]


def test_params_win_over_a_partial_and_an_arg_scope():
    with tfbn.arg_scope([tfbn.batch_norm], **NCHW), pytest.warns(tfbn.CompatibilityWarning, match="data_format='NHWC'"):
        build(normalizer_fn=functools.partial(tfbn.batch_norm, **NCHW), params={"data_format": "NHWC"})


def test_warns_of_the_axis_of_batch_normalization():
    with pytest.warns(tfbn.CompatibilityWarning, match=r"axis=-1, .*; pass normalizer_params=\{'axis': 1"):
        assert build(normalizer_fn=tfbn.batch_normalization) == [6]


def test_channels_last_is_silent():
    assert build(data_format="NHWC") == [4]

    def own(outputs, **params):
        return tfbn.batch_norm(outputs, **params)

    assert build(normalizer_fn=own) == [6]

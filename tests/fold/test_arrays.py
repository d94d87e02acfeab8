"""fold_arrays against the layers run one after the other: in TensorFlow, and by NumPy in float64."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tests import oracle
from tests.fold import linear
from tests.fold.linear import CASES
from tfbn.fold import fold_arrays

# Of the largest output. In float32 both sides round sums of up to 100 products, and the folded kernel once more: a
# dozen roundings of 6e-8 of values that cancel to a tenth of their size. In float64 the same of 1.1e-16.
TOLERANCE = {"float32": 1e-5, "float64": 1e-14}
AFFINE = [names for count in range(3) for names in itertools.combinations(("gamma", "beta"), count)]


def close(found, expected, dtype):
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE[dtype] * np.abs(expected).max())


def bias_of(kernel, layer):
    count = np.prod(kernel.shape[-2:]) if layer == "depthwise" else kernel.shape[-2 if "transpose" in layer else -1]
    return np.random.RandomState(5).normal(0.8, 1.0, count)


def without(statistics, kept):
    return {name: value for name, value in statistics.items() if name not in ("gamma", "beta") or name in kept}


def normalized(x, statistics, axis=-1, epsilon=0.01):
    given = dict(statistics)
    return oracle.normalize(
        x, given.pop("moving_mean"), given.pop("moving_variance"), axis=axis, epsilon=epsilon, **given
    )


class TestAfter:
    @pytest.mark.parametrize("data_format", ["NHWC", "NCHW"])
    @pytest.mark.parametrize("with_bias", [False, True])
    @pytest.mark.parametrize("name", CASES)
    def test_every_layer(self, name, with_bias, data_format):
        """Float64: the layer of TensorFlow, then the formula of NumPy."""
        case = CASES[name]
        kernel, inputs = linear.kernel_of(case), linear.inputs_of(case, data_format)
        bias = bias_of(kernel[-1] if case.layer == "separable" else kernel, case.layer) if with_bias else None
        before = linear.apply(case.layer, inputs, kernel, bias, "SAME", data_format)
        axis = linear.channel_axis(data_format)
        statistics = linear.statistics(before.shape[axis])
        folded = fold_arrays(
            kernel, bias, layer=case.layer, data_format=data_format, padding="SAME", epsilon=0.01, **statistics
        )
        found = linear.apply(case.layer, inputs, *folded, "SAME", data_format)
        close(found, normalized(before, statistics, axis), "float64")

    @pytest.mark.parametrize("kept", AFFINE, ids="-".join)
    @pytest.mark.parametrize("name", ["conv2d", "depthwise2d", "conv2d_transpose", "separable2d", "dense"])
    def test_in_float32_as_tensorflow_runs_both(self, name, kept):
        """With and without gamma and beta, both layers by TensorFlow's ops."""
        case = CASES[name]
        kernel, inputs = linear.kernel_of(case, "float32"), linear.inputs_of(case, dtype="float32")
        before = linear.apply(case.layer, inputs, kernel)
        given = without(linear.statistics(before.shape[-1], dtype="float32"), kept)
        expected = tf.nn.batch_normalization(
            before, given["moving_mean"], given["moving_variance"], given.get("beta"), given.get("gamma"), 0.001
        ).numpy()
        folded = fold_arrays(kernel, layer=case.layer, **given)
        close(linear.apply(case.layer, inputs, *folded), expected, "float32")

    @pytest.mark.parametrize("name", ["conv1d", "conv2d", "conv3d", "dense"])
    def test_numpy_alone(self, name):
        """Sliding windows in NumPy, no TensorFlow on either side."""
        case = CASES[name]
        kernel, inputs = linear.kernel_of(case), linear.inputs_of(case)
        statistics = linear.statistics(5)
        folded = fold_arrays(kernel, layer=case.layer, epsilon=0.01, **statistics)
        close(windows(inputs, folded.kernel) + folded.bias, normalized(windows(inputs, kernel), statistics), "float64")

    @pytest.mark.parametrize("data_format", ["NHWC", "NCHW"])
    def test_dense_then_reshaped_to_images(self, data_format):
        """Several outputs to the channel, as at the entrance of a generator."""
        kernel = np.random.RandomState(0).normal(0.2, 0.5, (4, 24))
        inputs = oracle.batch((7, 4))
        shape, axis = ([7, 2, 3, 4], -1) if data_format == "NHWC" else ([7, 4, 2, 3], 1)
        statistics = linear.statistics(4)
        folded = fold_arrays(kernel, layer="dense", data_format=data_format, epsilon=0.01, **statistics)
        expected = normalized((inputs @ kernel).reshape(shape), statistics, axis)
        close((inputs @ folded.kernel + folded.bias).reshape(shape), expected, "float64")

    @pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
    def test_rounded_once(self, dtype):
        """To the last bit what float64 gives, rounded to the kernel's dtype: nothing narrower in between."""
        dtype = tf.as_dtype(dtype).as_numpy_dtype
        kernel = np.random.RandomState(0).normal(3.0, 1.0, (3, 3, 2, 50)).astype(dtype)
        bias = np.random.RandomState(1).normal(3.0, 1.0, 50).astype(dtype)
        statistics = linear.statistics(50, dtype="float32")
        folded = fold_arrays(kernel, bias, **statistics)
        given = {name: value.astype(np.float64) for name, value in statistics.items()}
        slope = given["gamma"] / np.sqrt(given["moving_variance"] + 0.001)
        offset = (bias.astype(np.float64) - given["moving_mean"]) * slope + given["beta"]
        for found, expected in ((folded.kernel, kernel.astype(np.float64) * slope), (folded.bias, offset)):
            assert found.dtype == dtype
            assert np.array_equal(found, expected.astype(dtype))

    def test_tensors_and_variables(self):
        """Are taken as arrays are."""
        kernel = np.random.RandomState(0).normal(0.2, 0.5, (3, 3, 2, 4)).astype(np.float32)
        statistics = linear.statistics(4, dtype="float32")
        of_arrays = fold_arrays(kernel, **statistics)
        with tf.init_scope():
            tensors = {name: tf.Variable(value) for name, value in statistics.items()}
            found = fold_arrays(tf.constant(kernel), **tensors)
        assert all(np.array_equal(one, other) for one, other in zip(found, of_arrays))


def windows(inputs, kernel):
    """A convolution without padding, or a matrix product."""
    spatial = kernel.shape[:-2]
    axes = tuple(range(1, 1 + len(spatial)))
    seen = np.lib.stride_tricks.sliding_window_view(inputs, spatial, axes) if spatial else inputs
    letters = "xyz"[: len(spatial)]
    return np.einsum(f"...i{letters},{letters}io->...o", seen, kernel)


class TestBefore:
    EXACT = ["conv1d", "conv2d", "conv3d", "depthwise1d", "depthwise2d", "separable1d", "separable2d", "dense"]

    @pytest.mark.parametrize("data_format", ["NHWC", "NCHW"])
    @pytest.mark.parametrize("with_bias", [False, True])
    @pytest.mark.parametrize("name", EXACT)
    def test_every_layer(self, name, with_bias, data_format):
        """Without padding."""
        case = CASES[name]
        kernel, inputs = linear.kernel_of(case), linear.inputs_of(case, data_format)
        bias = bias_of(kernel[-1] if case.layer == "separable" else kernel, case.layer) if with_bias else None
        statistics, axis = linear.statistics(4), linear.channel_axis(data_format)
        folded = fold_arrays(kernel, bias, layer=case.layer, before=True, padding="VALID", epsilon=0.01, **statistics)
        expected = linear.apply(case.layer, normalized(inputs, statistics, axis), kernel, bias, "VALID", data_format)
        close(linear.apply(case.layer, inputs, *folded, "VALID", data_format), expected, "float64")

    @pytest.mark.parametrize("kept", AFFINE, ids="-".join)
    def test_without_gamma_and_beta(self, kept):
        """Any of them may be absent."""
        case = CASES["conv2d"]
        kernel, inputs = linear.kernel_of(case), linear.inputs_of(case)
        statistics = without(linear.statistics(4), kept)
        folded = fold_arrays(kernel, before=True, padding="VALID", epsilon=0.01, **statistics)
        close(
            linear.apply("conv", inputs, *folded),
            linear.apply("conv", normalized(inputs, statistics), kernel),
            "float64",
        )

    @pytest.mark.parametrize("data_format", ["NHWC", "NCHW"])
    def test_flattened_images_then_dense(self, data_format):
        """Several inputs to the channel."""
        kernel = np.random.RandomState(0).normal(0.2, 0.5, (24, 5))
        images = oracle.batch(
            (7, 2, 3, 4) if data_format == "NHWC" else (7, 4, 2, 3), 1 if data_format == "NCHW" else -1
        )
        statistics = linear.statistics(4)
        folded = fold_arrays(kernel, layer="dense", before=True, data_format=data_format, epsilon=0.01, **statistics)
        expected = normalized(images, statistics, linear.channel_axis(data_format)).reshape(7, 24) @ kernel
        close(images.reshape(7, 24) @ folded.kernel + folded.bias, expected, "float64")

    def test_same_padding_of_a_single_position(self):
        """Pads nothing."""
        kernel = np.random.RandomState(0).normal(0.2, 0.5, (1, 1, 4, 5))
        inputs, statistics = oracle.batch((2, 5, 6, 4)), linear.statistics(4)
        folded = fold_arrays(kernel, before=True, padding="SAME", epsilon=0.01, **statistics)
        expected = linear.apply("conv", normalized(inputs, statistics), kernel, padding="SAME")
        close(linear.apply("conv", inputs, *folded, "SAME"), expected, "float64")

    @pytest.mark.parametrize(
        "name, padding, text",
        [
            ("conv2d", "SAME", "expected 'VALID' with before=True, got 'SAME': the zeros around"),
            ("depthwise2d", "SAME", "expected 'VALID' with before=True, got 'SAME'"),
            ("separable2d", "SAME", "expected 'VALID' with before=True, got 'SAME'"),
            ("conv2d", None, "expected 'VALID' or 'SAME' with before=True, got None"),
            ("conv2d_transpose", "VALID", "got 'conv_transpose', to whose borders fewer positions"),
            ("conv2d_transpose", "SAME", "got 'conv_transpose', to whose borders fewer positions"),
        ],
    )
    def test_refused_where_it_is_not_exact(self, name, padding, text):
        """With the reason."""
        case = CASES[name]
        with pytest.raises(ValueError, match=text):
            fold_arrays(linear.kernel_of(case), layer=case.layer, before=True, padding=padding, **linear.statistics(4))

    @pytest.mark.parametrize("name", ["conv2d", "conv2d_transpose"])
    def test_what_is_refused_is_wrong(self, name, monkeypatch):
        """The reason holds: with the refusal out of the way, the borders differ."""
        monkeypatch.setattr("tfbn.fold.arrays._check_exact", lambda *args: None)
        case = CASES[name]
        kernel, inputs, statistics = linear.kernel_of(case), linear.inputs_of(case), linear.statistics(4)
        folded = fold_arrays(kernel, layer=case.layer, before=True, padding="SAME", epsilon=0.01, **statistics)
        expected = linear.apply(case.layer, normalized(inputs, statistics), kernel, padding="SAME")
        assert np.abs(linear.apply(case.layer, inputs, *folded, "SAME") - expected).max() > 0.1


class TestErrors:
    KERNEL = np.ones((3, 3, 4, 5), np.float32)

    @pytest.mark.parametrize(
        "arguments, error, text",
        [
            ({"layer": "linear"}, ValueError, "layer: expected one of 'conv', .*, got 'linear'"),
            ({"padding": "same"}, ValueError, "padding: expected 'VALID' or 'SAME', got 'same'"),
            ({"data_format": "NWC"}, ValueError, "data_format: expected 'NHWC' or 'NCHW', got 'NWC'"),
            ({"kernel": np.ones((3, 5), np.float32)}, ValueError, r"kernel: expected rank 3 or 4 or 5 .* \[3, 5\]"),
            ({"kernel": np.ones((3, 3, 4, 5), int)}, TypeError, "kernel: expected a floating array, got int64"),
            ({"bias": np.ones(4)}, ValueError, r"bias: expected shape \[5\], .* got \[4\]"),
            ({"moving_mean": np.ones(4)}, ValueError, r"moving_variance: .* \[5\] beside a moving_mean of shape \[4\]"),
            ({"gamma": np.ones((1, 5))}, ValueError, r"gamma: expected a vector"),
            ({"moving_variance": -np.ones(5)}, ValueError, "moving_variance: expected .* above 0, got -1 with epsilon"),
            ({"epsilon": -1.0}, ValueError, "epsilon: expected a number of at least 0, got -1.0"),
            ({"layer": "separable"}, ValueError, "kernel: expected a pair of a depthwise and a pointwise kernel"),
            (
                {"layer": "separable", "kernel": (np.ones((3, 3, 4, 2)), np.ones((1, 1, 4, 5)))},
                ValueError,
                r"kernel\[1\]: expected a pointwise kernel of shape \[1, 1, 8, outputs\]",
            ),
            (
                {"layer": "conv_transpose"},
                ValueError,
                r"moving_mean: expected \[4\], as the layer has 4 outputs, got \[5\]",
            ),
            (
                {"layer": "dense", "kernel": np.ones((4, 12))},
                ValueError,
                r"moving_mean: expected \[12\] or a divisor of that, as the layer has 12 outputs, got \[5\]",
            ),
        ],
    )
    def test_names_what_was_expected(self, arguments, error, text):
        """And what was got."""
        given = {"kernel": self.KERNEL, "moving_mean": np.zeros(5), "moving_variance": np.ones(5), **arguments}
        with pytest.raises(error, match=text):
            fold_arrays(**given)

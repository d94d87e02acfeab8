"""Checks of inputs, of what has their shape, and of the axes that arguments name in them."""

from __future__ import annotations

import numbers
from typing import Any

import tensorflow as tf

from tfbn.ops.layout import DATA_FORMATS

FLOATING = (tf.float16, tf.bfloat16, tf.float32, tf.float64)


def check_floating(inputs: tf.Tensor) -> None:
    """A dtype that the kernels have."""
    if inputs.dtype not in FLOATING:
        form = " ({})"
        raise TypeError(
            f"inputs: expected float16, bfloat16, float32 or float64, got {inputs.dtype.name}{_named(inputs, form)}. "
            "Cast it first, e.g. tf.cast(inputs, tf.float32)."
        )


def _named(inputs: tf.Tensor, form: str = " {}") -> str:
    """The inputs' name in this form; those of eager execution have none."""
    return "" if tf.executing_eagerly() else form.format(inputs.name)


def check_channels(channels: Any) -> None:
    """An int of at least 1."""
    if isinstance(channels, bool) or not isinstance(channels, numbers.Integral):
        raise TypeError(f"channels: expected an int, the number of channels, got {channels!r}. Pass inputs.shape[-1].")
    if channels < 1:
        raise ValueError(f"channels: expected at least 1, got {channels}. It is the size of the inputs' channel axis.")


def check_channel_axis(axis: Any) -> None:
    """One int."""
    if isinstance(axis, bool) or not isinstance(axis, numbers.Integral):
        raise TypeError(f"axis: expected an int, got {axis!r}. Several axes are for tfbn.batch_normalization.")


def check_shape(name: str, value: tf.Tensor, expected: list[int]) -> None:
    """A floating tensor of this shape."""
    if not value.shape.is_compatible_with(expected):
        raise ValueError(
            f"{name}: expected the shape {expected}, got {value.shape}. The inputs' channel axis tells; it is `axis`."
        )
    if not value.dtype.is_floating:
        raise TypeError(f"{name}: expected a floating dtype, got {value.dtype.name}. Cast it to tf.float32.")


def check_axis(axis: Any) -> None:
    """An int or a list of them."""
    if not isinstance(axis, int) and not (isinstance(axis, list) and all(isinstance(each, int) for each in axis)):
        raise TypeError(f"axis must be int or list, type given: {type(axis)}. Expected ints, got {axis!r}.")
    if axis == []:
        raise ValueError("axis: expected at least one axis, got []. The default is -1, the last.")


def check_leaf(inputs: tf.Tensor) -> None:
    """Of a nest: no number of what was meant to be one array."""
    if inputs.shape.rank == 0:
        raise ValueError(
            f"inputs: expected tensors of rank 1 or more, got the scalar {inputs}. A list is a nest of inputs: make "
            "one input of it with np.asarray or tf.constant."
        )


def check_axes(shape: tf.TensorShape, axis: Any, virtual_batch_size: int | None) -> tuple[int, ...]:
    """The axes counted from the left, in range, each once and of known size."""
    if not shape.rank:
        raise ValueError(
            f"Input has undefined rank: expected a known rank of at least 1, got the shape {shape}. Give it one with "
            "inputs.set_shape([None, ..., C])."
        )
    axes = tuple(each + shape.rank if each < 0 else each for each in (axis if isinstance(axis, list) else [axis]))
    for each in axes:
        if not 0 <= each < shape.rank:
            raise ValueError(f"Invalid axis: {each}. Expected axis from {-shape.rank} to {shape.rank - 1}, got {axis}.")
        if shape.as_list()[each] is None:
            raise ValueError(
                f"Input has undefined `axis` dimension. Input shape: {shape}, axis {axis}. The variables need "
                "its size: inputs.set_shape."
            )
    if len(set(axes)) != len(axes):
        raise ValueError(f"Duplicate axis: {list(axes)}. Expected each axis once, got {axis}.")
    check_divides(virtual_batch_size, shape, axes)
    return axes


def check_same_layer(name: str, shape: tf.TensorShape, built_for: tf.TensorShape, axes: tuple[int, ...]) -> None:
    """Inputs of the rank and the channels that the layer's variables were created for."""
    refused = f"inputs: Input 0 of layer {name} is incompatible with the layer: expected "
    advice = "A layer's variables fit what it was called with first; make another layer for other inputs."
    if shape.rank != built_for.rank:
        raise ValueError(f"{refused}ndim={built_for.rank}, found ndim={shape.rank}. {advice}")
    for axis in axes:
        size = built_for.as_list()[axis]
        if shape.as_list()[axis] != size:
            raise ValueError(
                f"{refused}axis {axis} of input shape to have value {size} but received input with shape {shape}. "
                f"{advice}"
            )


def check_same_channels(name: str, channels: int, built_for: int, shape: tf.TensorShape) -> None:
    """As many channels as the layer's variables have."""
    if channels != built_for:
        raise ValueError(
            f"inputs: expected {built_for} channels, for which the variables of {name} were created, got {channels} in "
            f"the shape {shape}. Make another layer for other inputs, or name the channels' axis."
        )


def check_divides(virtual_batch_size: int | None, shape: tf.TensorShape, axes: tuple[int, ...]) -> None:
    """A divisor of the batch size, where that is known; the batch is on axis 0, the channels are not."""
    if virtual_batch_size is not None and 0 in axes:
        raise ValueError(
            "When using virtual_batch_size, the batch dimension must be 0 and thus axis cannot include 0: got the "
            f"channels on axis {axes} of {shape}. Move the batch to axis 0."
        )
    size = shape.as_list()[0]
    if virtual_batch_size is not None and size is not None and size % virtual_batch_size:
        raise ValueError(
            f"virtual_batch_size: expected a divisor of the batch size {size}, got {virtual_batch_size}. Drop the "
            "remainder of the batch, or choose another size."
        )


def check_virtual_batch_size(virtual_batch_size: Any, adjustment: Any) -> None:
    """A positive int, without an adjustment."""
    if virtual_batch_size is None:
        return
    if not isinstance(virtual_batch_size, numbers.Integral):
        raise TypeError(f"virtual_batch_size: expected a positive int, got {virtual_batch_size!r}.")
    if virtual_batch_size <= 0:
        raise ValueError(
            "virtual_batch_size must be a positive integer that divides the true batch size of the input Tensor, got "
            f"{virtual_batch_size}."
        )
    if adjustment is not None:
        raise ValueError(
            "When using virtual_batch_size, adjustment cannot be specified: expected one of the two, got both. "
            "Apply the adjustment to the outputs instead."
        )


def check_data_format(data_format: str, axis: int | None = None) -> None:
    """One of the two; the default where an axis says more."""
    if data_format not in DATA_FORMATS:
        raise ValueError(
            f"data_format has to be either NCHW or NHWC. Got {data_format!r}; for other ranks than 4 NHWC means "
            "channels last and NCHW channels on axis 1."
        )
    if axis is not None and data_format != "NHWC":
        raise ValueError(f"axis: expected None with data_format={data_format!r}, got {axis}. Give one of the two.")


def check_inputs(inputs: tf.Tensor, data_format: str) -> None:
    """A floating tensor of known rank with known channels, and a data_format that fits it."""
    check_data_format(data_format)
    check_floating(inputs)
    rank, name = inputs.shape.rank, _named(inputs)
    if rank is None:
        raise ValueError(f"Inputs{name} has undefined rank. Give it one with inputs.set_shape([None, ..., C]).")
    if rank < (1 if data_format == "NHWC" else 2):
        raise ValueError(
            f"Inputs{name} has undefined channels: a {data_format} tensor of rank {rank} has no channel axis. "
            "Expected rank 1 or more for NHWC, 2 or more for NCHW."
        )
    if inputs.shape.as_list()[-1 if data_format == "NHWC" else 1] is None:
        raise ValueError(
            f"Inputs{name} has undefined `C` dimension: its shape is {inputs.shape} in {data_format}. "
            "The variables need its size: inputs.set_shape([..., C])."
        )


def check_batch_weights(batch_weights: tf.Tensor, inputs: tf.Tensor) -> None:
    """A vector with one number per sample."""
    if not batch_weights.shape.is_compatible_with(inputs.shape[:1]):
        raise ValueError(
            f"Shapes {inputs.shape[:1]} and {batch_weights.shape} are incompatible: batch_weights takes one weight per "
            "sample, a vector of length N. To weight positions, scale the loss instead."
        )
    if not (batch_weights.dtype.is_floating or batch_weights.dtype.is_integer or batch_weights.dtype.is_bool):
        raise TypeError(
            f"batch_weights: expected real numbers, got {batch_weights.dtype.name}. Cast them to tf.float32."
        )


def check_mask(mask: tf.Tensor, inputs: tf.Tensor, axis: int) -> None:
    """Real numbers or booleans along the axes of the inputs from the left, the channels' left out or of size 1."""
    expected = [size for each, size in enumerate(inputs.shape.as_list()) if each != axis]
    found, full = mask.shape, inputs.shape.as_list()
    if found.rank is not None:
        sizes = found.as_list()
        if found.rank == len(full) and found.rank > 0:
            fits, against = sizes[axis] in (1, None), full
        else:
            fits, against = found.rank <= len(expected), expected
        fits = fits and all(size in (None, 1) or wanted in (None, size) for size, wanted in zip(sizes, against))
    if found.rank is None or not fits:
        raise ValueError(
            f"mask: expected a shape that broadcasts against {inputs.shape} without its channels, such as "
            f"{expected[:1]} or {expected}, got {found}. False or 0 marks what is not to count in the statistics."
        )
    if not (mask.dtype.is_floating or mask.dtype.is_integer or mask.dtype.is_bool):
        raise TypeError(f"mask: expected booleans or real numbers, got {mask.dtype.name}. Cast it to tf.bool.")

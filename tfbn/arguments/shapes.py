"""Checks of inputs, of tensors shaped like them, and of axes; and the layout that follows from these."""

from __future__ import annotations

import numbers
from typing import Any

import tensorflow as tf

from tfbn.ops.layout import DATA_FORMATS, Layout, layout_of

FLOATING = (tf.float16, tf.bfloat16, tf.float32, tf.float64)


def check_floating(inputs: tf.Tensor) -> None:
    """Requires a dtype that the kernels have."""
    if inputs.dtype not in FLOATING:
        form = " ({})"
        # Words that programs and their tests match in the originals' errors.
        kind = "" if inputs.dtype.is_floating else ", a non-floating point type"
        raise TypeError(
            f"inputs: expected float16, bfloat16, float32 or float64, got {inputs.dtype.name}{_named(inputs, form)}"
            f"{kind}. Cast it first, e.g. tf.cast(inputs, tf.float32)."
        )


def _named(inputs: tf.Tensor, form: str = " {}") -> str:
    """The inputs' name in this form; '' for eager tensors, which have none."""
    return "" if tf.executing_eagerly() else form.format(inputs.name)


def check_channels(channels: Any) -> None:
    """Requires an int of at least 1."""
    if isinstance(channels, bool) or not isinstance(channels, numbers.Integral):
        raise TypeError(f"channels: expected an int, the number of channels, got {channels!r}. Pass inputs.shape[-1].")
    if channels < 1:
        raise ValueError(f"channels: expected at least 1, got {channels}. It is the size of the inputs' channel axis.")


def check_channel_axis(axis: Any) -> None:
    """Requires a single int."""
    if isinstance(axis, bool) or not isinstance(axis, numbers.Integral):
        raise TypeError(f"axis: expected an int, got {axis!r}. Several axes are for tfbn.batch_normalization.")


def check_shape(name: str, value: tf.Tensor, expected: list[int]) -> None:
    """Requires a floating tensor of this shape."""
    if not value.shape.is_compatible_with(expected):
        raise ValueError(
            f"{name}: expected the shape {expected}, got {value.shape}. It follows from the inputs' channel axis, "
            "`axis`."
        )
    if not value.dtype.is_floating:
        raise TypeError(f"{name}: expected a floating dtype, got {value.dtype.name}. Cast it to tf.float32.")


def check_axis(axis: Any) -> None:
    """Requires an int or a list of them."""
    if not isinstance(axis, int) and not (isinstance(axis, list) and all(isinstance(item, int) for item in axis)):
        raise TypeError(f"axis must be int or list, type given: {type(axis)}. Expected ints, got {axis!r}.")
    if axis == []:
        raise ValueError("axis: expected at least one axis, got []. The default is -1, the last.")


def check_leaf(inputs: tf.Tensor) -> None:
    """Requires a tensor, where a nest may hold the numbers of what was meant to be one array."""
    if inputs.shape.rank == 0:
        raise ValueError(
            f"inputs: expected tensors of rank 1 or more, got the scalar {inputs}. A list is a nest of inputs: turn it "
            "into one input with np.asarray or tf.constant."
        )


def layout_by_axis(
    shape: tf.TensorShape, axis: Any, virtual_batch_size: int | None = None, flat: bool = True
) -> Layout:
    """The layout of inputs of this shape with the channels on one axis or several, in range and of known size."""
    check_virtual_batch_size(virtual_batch_size)
    if not shape.rank:
        raise ValueError(
            f"Input has undefined rank: expected a known rank of at least 1, got the shape {shape}. Give it one with "
            "inputs.set_shape([None, ..., C])."
        )
    listed = axis if isinstance(axis, list) else [axis]
    axes = tuple(index + shape.rank if index < 0 else index for index in listed)
    for index in axes:
        if not 0 <= index < shape.rank:
            raise ValueError(
                f"Invalid axis: {index}. Expected axis from {-shape.rank} to {shape.rank - 1}, got {axis}."
            )
        if shape.as_list()[index] is None:
            raise ValueError(
                f"Input has undefined `axis` dimension. Input shape: {shape}, axis {axis}. The variables need "
                "its size: inputs.set_shape."
            )
    if len(set(axes)) != len(axes):
        raise ValueError(f"Duplicate axis: {list(axes)}. Expected each axis once, got {axis}.")
    check_batch_axis(virtual_batch_size, shape, axes)
    return layout_of(shape, axes, "NHWC", virtual_batch_size, flat)


def check_same_layer(name: str, shape: tf.TensorShape, built_for: tf.TensorShape, axes: tuple[int, ...]) -> None:
    """Requires the rank and the channels that the layer's variables were created for."""
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
    """Requires as many channels as the layer's variables have."""
    if channels != built_for:
        raise ValueError(
            f"inputs: expected {built_for} channels, for which the variables of {name} were created, got {channels} in "
            f"the shape {shape}. Create another layer for other inputs, or name the channels' axis."
        )


def check_batch_axis(virtual_batch_size: int | None, shape: tf.TensorShape, axes: tuple[int, ...]) -> None:
    """Refuses channels on axis 0 with virtual batches, which divide that axis."""
    if virtual_batch_size is not None and 0 in axes:
        raise ValueError(
            "When using virtual_batch_size, the batch dimension must be 0 and thus axis cannot include 0: got the "
            f"channels on axis {axes} of {shape}. Move the batch to axis 0."
        )


def check_divides(layout: Layout, shape: tf.TensorShape) -> None:
    """Requires a virtual_batch_size that divides the batch size, where that is known."""
    if layout.leaves_remainder(shape):
        raise ValueError(
            f"virtual_batch_size: expected a divisor of the batch size {shape.as_list()[0]}, got "
            f"{layout.virtual_batch_size}. Drop the remainder of the batch, or choose another size; in inference every "
            "size works."
        )


def check_virtual_batch_size(virtual_batch_size: Any, adjustment: Any = None, synchronized: Any = False) -> None:
    """Requires None, or a positive int with neither an adjustment nor synchronized replicas."""
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
    if synchronized:
        raise ValueError(
            f"synchronized: expected False with a virtual_batch_size, got True with {virtual_batch_size}. Virtual "
            "batches have separate statistics, synchronized replicas share them; choose one of the two."
        )


def check_data_format(data_format: str, axis: int | None = None) -> None:
    """Requires 'NHWC' or 'NCHW', and the default, 'NHWC', if there is an axis."""
    if data_format not in DATA_FORMATS:
        raise ValueError(
            f"data_format has to be either NCHW or NHWC. Got {data_format!r}; for other ranks than 4 NHWC means "
            "channels last and NCHW channels on axis 1."
        )
    if axis is not None and data_format != "NHWC":
        raise ValueError(f"axis: expected None with data_format={data_format!r}, got {axis}. Pass one of the two.")


def check_inputs(
    inputs: tf.Tensor, data_format: str = "NHWC", axis: int | None = None, virtual_batch_size: int | None = None
) -> Layout:
    """Requires floating inputs of known rank, with a known number of channels by data_format or axis; their layout."""
    check_virtual_batch_size(virtual_batch_size)
    check_data_format(data_format, axis)
    check_floating(inputs)
    if axis is not None:
        return layout_by_axis(inputs.shape, axis, virtual_batch_size)
    rank, name = inputs.shape.rank, _named(inputs)
    if rank is None:
        raise ValueError(f"Inputs{name} has undefined rank. Give it one with inputs.set_shape([None, ..., C]).")
    if rank < (1 if data_format == "NHWC" else 2):
        raise ValueError(
            f"Inputs{name} has undefined channels: a {data_format} tensor of rank {rank} has no channel axis. "
            "Expected rank 1 or more for NHWC, 2 or more for NCHW."
        )
    axis = rank - 1 if data_format == "NHWC" else 1
    if inputs.shape.as_list()[axis] is None:
        raise ValueError(
            f"Inputs{name} has undefined `C` dimension: its shape is {inputs.shape} in {data_format}. "
            "The variables need its size: inputs.set_shape([..., C])."
        )
    check_batch_axis(virtual_batch_size, inputs.shape, (axis,))
    return layout_of(inputs.shape, (axis,), data_format, virtual_batch_size)


def check_batch_weights(batch_weights: tf.Tensor, inputs: tf.Tensor) -> None:
    """Requires a vector with one number per sample."""
    if not batch_weights.shape.is_compatible_with(inputs.shape[:1]):
        raise ValueError(
            f"Shapes {inputs.shape[:1]} and {batch_weights.shape} are incompatible: batch_weights takes one weight per "
            "sample, a vector of length N. To weight positions, scale the loss instead."
        )
    if not (batch_weights.dtype.is_floating or batch_weights.dtype.is_integer or batch_weights.dtype.is_bool):
        raise TypeError(
            f"batch_weights: expected real numbers, got {batch_weights.dtype.name}. Cast them to tf.float32."
        )


def check_mask(mask: tf.Tensor, inputs: tf.Tensor, axis: int, by_channel: bool = False) -> None:
    """Requires real numbers or booleans along the inputs' axes from the left, the channels' left out or of size 1.

    With `by_channel`, a mask along all of the axes may have the channels' size as well.
    """
    full = inputs.shape.as_list()
    expected = full[:axis] + full[axis + 1 :]
    fits = False
    if mask.shape.rank is not None:
        sizes = mask.shape.as_list()
        if len(sizes) == len(full) > 0:
            fits, against = by_channel or sizes[axis] in (1, None), full
        else:
            fits, against = len(sizes) <= len(expected), expected
        fits = fits and all(size in (None, 1) or other in (None, size) for size, other in zip(sizes, against))
    if not fits:
        raise ValueError(
            f"mask: expected a shape that broadcasts against {inputs.shape} without its channels, such as "
            f"{expected[:1]} or {expected}, got {mask.shape}. False or 0 marks what is not to count in the statistics."
        )
    if not (mask.dtype.is_floating or mask.dtype.is_integer or mask.dtype.is_bool):
        raise TypeError(f"mask: expected booleans or real numbers, got {mask.dtype.name}. Cast it to tf.bool.")

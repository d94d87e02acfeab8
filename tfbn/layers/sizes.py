"""Arguments of windows: sizes, padding and layouts, checked before variables are created, and output sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

CHANNELS_LAST, CHANNELS_FIRST = "channels_last", "channels_first"
_FORMATS = {1: ("NWC", "NCW"), 2: ("NHWC", "NCHW"), 3: ("NDHWC", "NCDHW")}


def check_ints(name: str, value: Any, n: int) -> tuple[int, ...]:
    """An int for all axes, or one int per axis, as a tuple."""
    try:
        sizes = tuple(int(size) for size in ((value,) * n if isinstance(value, int) else value))
    except (TypeError, ValueError):
        sizes = ()
    if len(sizes) != n:
        raise ValueError(f"The `{name}` argument must be a tuple of {n} integers. Received: {value}. An int is enough.")
    if min(sizes) < 1:
        raise ValueError(f"{name}: expected positive integers, got {value}.")
    return sizes


def check_count(name: str, value: Any) -> int:
    """A positive int, such as a number of filters."""
    if isinstance(value, bool) or int(value) != value or value < 1:
        raise ValueError(f"{name}: expected a positive integer, got {value!r}.")
    return int(value)


def check_padding(value: Any) -> str:
    """'VALID' or 'SAME', from an argument in any case."""
    if not isinstance(value, str) or value.upper() not in ("VALID", "SAME"):
        raise ValueError(
            f'The `padding` argument must be a list/tuple or one of "valid", "same". Received: {value!r}. Lists, which '
            "the original takes, are not taken here: pad the inputs with tf.pad and pass padding='VALID'."
        )
    return value.upper()


def check_contrib_format(data_format: Any, n: int = 2) -> None:
    last, first = _FORMATS[n]
    if data_format not in (last, first):
        raise ValueError(f"data_format has to be either {first} or {last}. Got {data_format!r}.")


def channels_order(data_format: str | None) -> str:
    """contrib's data_format as tf.layers names it."""
    return CHANNELS_FIRST if data_format and data_format.startswith("NC") else CHANNELS_LAST


def check_order(data_format: Any) -> str:
    """The data_format of tf.layers."""
    if not isinstance(data_format, str) or data_format.lower() not in (CHANNELS_LAST, CHANNELS_FIRST):
        raise ValueError(
            'The `data_format` argument must be one of "channels_first", "channels_last". Received: '
            f"{data_format!r}. contrib's names NCHW and NHWC are for tfbn.layers itself."
        )
    return data_format.lower()


def tensorflow_format(order: str, n: int) -> str:
    """The layout's name in tf.nn."""
    return _FORMATS[n][order == CHANNELS_FIRST]


def spatial_axes(order: str, n: int) -> range:
    """The axes between batch and channels."""
    return range(2, 2 + n) if order == CHANNELS_FIRST else range(1, 1 + n)


def with_batch_and_channels(order: str, sizes: Sequence[int]) -> list[int]:
    """Sizes of a window as tf.nn takes them, with 1 for batch and channels."""
    return [1, 1, *sizes] if order == CHANNELS_FIRST else [1, *sizes, 1]


def check_rank(layer: str, shape: tf.TensorShape, rank: int, at_least: bool = False) -> None:
    """Raises unless the inputs have this rank, or at least this rank."""
    expected = f"expected {'min_' if at_least else ''}ndim={rank}"
    if shape.rank is None:
        raise ValueError(
            f"Input 0 of layer {layer} is incompatible with the layer: its rank is undefined, but the layer requires a "
            f"defined rank: {expected}. Set it with inputs.set_shape."
        )
    if shape.rank < rank or (shape.rank > rank and not at_least):
        raise ValueError(
            f"Input 0 of layer {layer} is incompatible with the layer: {expected}, found ndim={shape.rank}. Full shape "
            f"received: {shape}. Reshape the inputs."
        )


def channel_count(shape: tf.TensorShape, order: str) -> int:
    """The size of the channel axis, which the kernel's shape needs."""
    channels = shape.as_list()[1 if order == CHANNELS_FIRST else -1]
    if channels is None:
        raise ValueError(
            "The channel dimension of the inputs should be defined. Found `None`. Expected it in "
            f"{shape} with data_format {order!r}; set it with inputs.set_shape."
        )
    return channels


def check_window(
    shape: tf.TensorShape, order: str, window: Sequence[int], padding: str, strides: Sequence[int], rate: Sequence[int]
) -> None:
    """Raises for a window that does not fit into the inputs, or that both strides and dilates."""
    if max(strides) > 1 and max(rate) > 1:
        raise ValueError(
            f"strides > 1 not supported in conjunction with dilation_rate > 1. Got strides {tuple(strides)} and rates "
            f"{tuple(rate)}; leave one of them at 1."
        )
    for axis, size, dilation in zip(spatial_axes(order, len(window)), window, rate):
        length, reach = shape.as_list()[axis], (size - 1) * dilation + 1
        if padding == "VALID" and length is not None and length < reach:
            raise ValueError(
                f"Negative dimension size caused by subtracting {reach} from {length}: expected a window within the "
                f"inputs of shape {shape}, got one of {reach} on axis {axis}. Use padding='SAME' or a smaller window."
            )


def transposed_length(length: Any, window: int, padding: str, stride: int) -> Any:
    """The length of an axis after a transposed convolution; None for None, a tensor for a tensor."""
    if length is None:
        return None
    scaled = length * stride
    return scaled + max(window - stride, 0) if padding == "VALID" else scaled

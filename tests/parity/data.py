"""The numbers a case feeds: drawn with RandomState, whose streams are the same in every numpy.

Every channel has its own offset and scale, so that an error in the mean, the variance, epsilon or gamma shows. Values
are drawn channels last and moved to where the case has its channels: a case and its NCHW twin hold the same numbers.
"""

from __future__ import annotations

from typing import Any, List

import numpy as np

from . import case as cases
from . import functions


def channel_sizes(case: cases.Case) -> List[int]:
    """The sizes of the axes that hold the channels."""
    return [cases.get(case, "shape")[axis] for axis in functions.channel_axes(case)]


def channels(case: cases.Case) -> int:
    return int(np.prod(channel_sizes(case)))


def channels_first(case: cases.Case) -> bool:
    return functions.channel_axes(case) == (1,)


def by_channel(case: cases.Case, values: np.ndarray) -> List[np.ndarray]:
    """A step's inputs as [samples, channels], once for each batch that has statistics of its own."""
    axes = functions.channel_axes(case)
    size = functions.virtual_batch_size(case)
    parts = [values] if size is None else [values[j :: max(1, len(values) // size)] for j in range(len(values) // size)]
    last = range(-len(axes), 0)
    return [np.moveaxis(part, axes, last).reshape(-1, channels(case)) for part in parts]


def _random(case: cases.Case, stream: int) -> np.random.RandomState:
    return np.random.RandomState((cases.get(case, "seed") * 1009 + stream * 7919 + 1) % 2**32)


def _shape(case: cases.Case, index: int) -> List[int]:
    """The shape of one step's inputs, channels last."""
    shape = [cases.batch_sizes(case)[index]] + list(cases.get(case, "shape"))[1:]
    axes = functions.channel_axes(case)
    return [size for axis, size in enumerate(shape) if axis not in axes] + [shape[axis] for axis in axes]


def _placed(case: cases.Case, values: np.ndarray) -> np.ndarray:
    axes = functions.channel_axes(case)
    return np.moveaxis(values, range(-len(axes), 0), axes)


def batch(case: cases.Case, index: int) -> np.ndarray:
    """The inputs of a step (the last index is inference), in float64 but exact in the case's dtype."""
    count = channels(case)
    fixed = _random(case, 0)
    offset = fixed.uniform(1.0, 4.0, count) * np.where(np.arange(count) % 2, -1.0, 1.0)
    scale = fixed.uniform(0.5, 2.0, count)
    values = _random(case, 1 + index).standard_normal(_shape(case, index))
    if not cases.get(case, "spread"):
        values = np.ones_like(values)
    sizes = channel_sizes(case)
    values = values * scale.reshape(sizes) + offset.reshape(sizes) + 0.3 * index
    dtype = cases.get(case, "dtype")
    if dtype == "float16":
        values = values.astype(np.float16)
    elif dtype == "bfloat16":
        # Drop the low 16 bits: exact in bfloat16, so that no cast on either side rounds.
        values = (values.astype(np.float32).view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
    else:
        # Float64 inputs too: the float32 sibling of a case that the original has no float64 for is fed the same.
        values = values.astype(np.float32)
    return _placed(case, np.ascontiguousarray(values).astype(np.float64))


def feedable(case: cases.Case, index: int) -> Any:
    """The inputs of a step as what a placeholder of the case is fed with (bfloat16 goes through float32)."""
    dtype = cases.get(case, "dtype")
    if dtype == "string":
        return np.full(_shape(case, index), b"x", dtype=object)
    return batch(case, index).astype("float32" if dtype == "bfloat16" else dtype)


def loss_weights(case: cases.Case, index: int) -> np.ndarray:
    """The fixed random weights of the loss sum(output * weights); multiples of 1/8, exact in every dtype."""
    values = _random(case, 100 + index).uniform(-2.0, 2.0, _shape(case, index))
    return _placed(case, np.round(values * 8.0) / 8.0)


def batch_weights(case: cases.Case, index: int, form: str) -> np.ndarray:
    """Weights of the examples of a step: multiples of 1/4, exact in every dtype."""
    size = cases.batch_sizes(case)[index]
    values = np.round(_random(case, 200 + index).uniform(0.25, 2.0, size) * 4.0) / 4.0
    if form == "zeros":
        return np.zeros(size)
    if form == "some_zeros":
        return np.where(np.arange(size) % 3 == 2, 0.0, values)
    if form == "ones":
        return np.ones(size)
    if form == "long":
        return np.concatenate([values, values])
    if form == "matrix":
        return values.reshape([size, 1])
    return values


def per_channel(case: cases.Case, start: float, step: float) -> np.ndarray:
    """A different constant for every channel."""
    return start + step * np.arange(channels(case), dtype=np.float64)

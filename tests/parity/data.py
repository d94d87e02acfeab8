"""The numbers a case feeds: drawn with RandomState, whose streams are the same in every numpy.

Every channel has its own offset and scale, so that an error in the mean, the variance, epsilon or gamma shows. Values
are drawn channels last and moved to axis 1 for NCHW: a case and its NCHW twin hold the same numbers.
"""

from __future__ import annotations

from typing import Any, List

import numpy as np

from . import case as cases


def channels(case: cases.Case) -> int:
    shape = cases.get(case, "shape")
    return int(shape[1] if channels_first(case) else shape[-1])


def channels_first(case: cases.Case) -> bool:
    return cases.argument(case, "data_format") == "NCHW" and len(cases.get(case, "shape")) > 1


def _random(case: cases.Case, stream: int) -> np.random.RandomState:
    return np.random.RandomState((cases.get(case, "seed") * 1009 + stream * 7919 + 1) % 2**32)


def _shape(case: cases.Case, index: int) -> List[int]:
    """The shape of one step's inputs, channels last."""
    shape = [cases.batch_sizes(case)[index]] + list(cases.get(case, "shape"))[1:]
    if channels_first(case):
        shape = [shape[0]] + shape[2:] + [shape[1]]
    return shape


def _placed(case: cases.Case, values: np.ndarray) -> np.ndarray:
    return np.moveaxis(values, -1, 1) if channels_first(case) else values


def batch(case: cases.Case, index: int) -> np.ndarray:
    """The inputs of a step (the last index is inference), in float64 but exact in the case's dtype."""
    count = channels(case)
    fixed = _random(case, 0)
    offset = fixed.uniform(1.0, 4.0, count) * np.where(np.arange(count) % 2, -1.0, 1.0)
    scale = fixed.uniform(0.5, 2.0, count)
    values = _random(case, 1 + index).standard_normal(_shape(case, index))
    if not cases.get(case, "spread"):
        values = np.ones_like(values)
    values = values * scale + offset + 0.3 * index
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

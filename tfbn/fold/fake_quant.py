"""Weights as the FakeQuant ops round them, which quantization-aware training puts in front of layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfbn.graphdef.constants import Constants
from tfbn.graphdef.dataflow import Node

FAKE_QUANT = ("FakeQuantWithMinMaxArgs", "FakeQuantWithMinMaxVars", "FakeQuantWithMinMaxVarsPerChannel")


def round_weights(node: Node, constants: Constants) -> np.ndarray | None:
    """The output of a FakeQuant op in float64; None where its input or its range is no constant."""
    values = [constants.value(tensor) for tensor in node.inputs]
    if any(value is None for value in values):
        return None
    weights, *limits = (np.asarray(value, np.float32) for value in values)
    low, high = limits or (np.float32(node.attr[name].f if name in node.attr else default) for name, default in _RANGE)
    return _round_to_steps(weights, low, high, node.attr).astype(np.float64)


_RANGE = (("min", -6.0), ("max", 6.0))  # of FakeQuantWithMinMaxArgs by default


def _round_to_steps(weights: np.ndarray, low: Any, high: Any, attr: Any) -> np.ndarray:
    """In float32, as TensorFlow's kernel does."""
    first = np.float32("narrow_range" in attr and attr["narrow_range"].b)
    last = np.float32(2 ** (attr["num_bits"].i if "num_bits" in attr else 8) - 1)
    half = np.float32(0.5)
    is_empty = (low == 0) & (high == 0)  # TensorFlow gives 0 for an empty range
    scale = np.where(is_empty, np.float32(1), (high - low) / (last - first))
    zero = np.clip(np.floor(first - low / scale + half), first, last)
    lowest, highest = (first - zero) * scale, (last - zero) * scale
    inverse = 1 / scale
    shifted = np.clip(weights, lowest, highest) - lowest
    steps = np.floor(shifted * inverse - np.floor(-lowest * inverse + half) + half)
    return np.where(is_empty, np.float32(0), steps * scale)

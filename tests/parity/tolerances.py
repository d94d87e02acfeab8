"""How far a number may be from the original's: a table, each entry with its reason.

Every bound is `ulps * eps(dtype) * scale`. The scale is that of the terms that are added up to make the number, which
may be larger than the number itself where they cancel; `Scales` derives it from what the case feeds. It is never less
than the largest magnitude in the original's array.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from . import case as cases
from . import data, functions, original_path

EPSILON = {
    "float16": 2.0**-10,
    "bfloat16": 2.0**-7,
    "float32": 2.0**-23,
    "float64": 2.0**-52,
}


class Tolerance(NamedTuple):
    ulps: float
    reason: str


_ONE_ROUNDING = "statistics and arithmetic are float32 inside the kernel; the result is rounded once, either way"
_IN_DTYPE = (
    "x * inv + (beta - mean * inv): five operations rounded by half an ulp of |x| * inv, on both sides; |x| * inv"
    " cancels against |mean| * inv"
)
_SUMS = (
    "the five roundings of the formula, plus half an ulp on either side for each of the log2(n) < 5 levels of the sums"
    " behind mean and inv"
)
_BACKWARD = (
    "for inputs dy * inv * gamma and the means of dy and dy * x over n terms, whose errors of half an ulp of |x| * inv"
    " each average out to 1 / sqrt(n); for parameters such a sum itself, whose errors add up to sqrt(n); eight ulps for"
    " two such roundings at four times the standard deviation, since thousands of numbers are compared"
)
_BACKWARD_SUMS = (
    _BACKWARD + "; half as much again where the sums behind mean and inv round too, as they do in the output"
)
_SECOND = "the bound of the gradient for each of its three factors: the gradient, its derivative, and inv in both"
_STATE = "m - (m - value) * (1 - decay): four roundings a step and three steps of half an ulp, of a moment of n terms"
_ONE_PASS = (
    "the original's bfloat16 kernel takes the variance as mean(x**2) - mean(x)**2, which was seen to be off by up to"
    " 1.3 ulps of mean(x)**2"
)
_LOSSES = "a sum of squares of some four parameters, each within the bound of the state, which the square doubles"

FUSED = ("function-fused", "core-fused")
EXACT = Tolerance(0, "no arithmetic: counters and the like are equal")

# By what is compared and the dtype of the inputs (state: of the variable). "fused" is for outputs and gradients that a
# fused kernel makes; half precision differs there.
TABLE: dict[tuple[str, str], Tolerance] = {
    ("output", "float16"): Tolerance(5, _IN_DTYPE),
    ("output", "bfloat16"): Tolerance(5, _IN_DTYPE),
    ("output", "float32"): Tolerance(10, _SUMS),
    ("output", "float64"): Tolerance(10, _SUMS),
    ("fused output", "float16"): Tolerance(1, _ONE_ROUNDING),
    ("fused output", "bfloat16"): Tolerance(1, _ONE_ROUNDING),
    ("gradient", "float16"): Tolerance(8, _BACKWARD),
    ("gradient", "bfloat16"): Tolerance(8, _BACKWARD),
    ("gradient", "float32"): Tolerance(12, _BACKWARD_SUMS),
    ("gradient", "float64"): Tolerance(12, _BACKWARD_SUMS),
    ("fused gradient", "float16"): Tolerance(1, _ONE_ROUNDING),
    ("fused gradient", "bfloat16"): Tolerance(1, _ONE_ROUNDING),
    ("second", "float16"): Tolerance(24, _SECOND),
    ("second", "bfloat16"): Tolerance(24, _SECOND),
    ("second", "float32"): Tolerance(36, _SECOND),
    ("second", "float64"): Tolerance(36, _SECOND),
    ("state", "float16"): Tolerance(6, _STATE),
    ("state", "bfloat16"): Tolerance(6, _STATE),
    ("state", "float32"): Tolerance(10, _STATE + ", which adds what _SUMS says"),
    ("one-pass state", "float32"): Tolerance(4, _ONE_PASS),
    ("state", "float64"): Tolerance(10, _STATE + ", which adds what _SUMS says"),
    ("losses", "float16"): Tolerance(16, _LOSSES),
    ("losses", "bfloat16"): Tolerance(16, _LOSSES),
    ("losses", "float32"): Tolerance(32, _LOSSES),
}


_LAYERS = (
    "sums of up to a hundred products, which the kernels of two releases add up in another order, through a batch norm,"
    " where they cancel, and an activation; relative to the largest number of its kind, since a small one is the"
    " difference of larger ones"
)
LAYERS: dict[str, Tolerance] = {
    "float16": Tolerance(32, _LAYERS),
    "float32": Tolerance(256, _LAYERS),
    "float64": Tolerance(256, _LAYERS),
}


class LayerScales:
    """The largest magnitude of each kind of number, for a case of one of tfbn.layers."""

    def __init__(self, case: cases.Case, expected: dict[str, Any]):
        self.dtype = cases.get(case, "dtype")
        self._largest: dict[str, float] = {}
        for field, values in expected.items():
            finite = np.abs(values[np.isfinite(values)]) if values.dtype.kind == "f" else np.zeros(0)
            if finite.size:
                kind = kind_of(field)
                self._largest[kind] = max(self._largest.get(kind, 1.0), float(finite.max()))

    def bound(self, field: str) -> float:
        dtype = "float32" if kind_of(field) == "losses" else self.dtype
        return LAYERS[dtype].ulps * EPSILON[dtype] * self._largest.get(kind_of(field), 1.0)


class Scales:
    """The magnitudes of the terms behind each kind of number, for one case."""

    def __init__(self, case: cases.Case, expected: dict[str, Any], variables: Any = ()):
        self.case = case
        self._inputs = cases.get(case, "dtype")
        self.one_pass = self._inputs == "bfloat16" and original_path.row(case) in FUSED
        self._dtypes = {name: dtype for name, _, dtype, _ in variables}
        steps = range(cases.get(case, "steps") + 1)
        batches = [data.batch(case, index) for index in steps]
        filled = [part for batch in batches for part in data.by_channel(case, batch) if part.size]
        self._state = state = {name: value for name, value in expected.items() if ".state." in name and value.size}
        spread = [batch.var(axis=0).min() for batch in filled] + self._weighted_spread(batches)
        spread += [value.min() for name, value in state.items() if name.endswith("moving_variance")]
        spread += [value.min() ** 2 for name, value in state.items() if name.endswith("stddev")]
        gammas = [np.abs(value).max() for name, value in state.items() if name.endswith("/gamma")]
        epsilon = cases.argument(case, "epsilon", 0.001)
        epsilon = abs(epsilon) if isinstance(epsilon, (int, float)) else 0.001
        smallest = np.nanmin([1.0, *spread]) if not np.isnan(spread).all() else 1.0
        self.value = max([np.abs(batch).max() for batch in filled], default=1.0)
        self.inverse = 1.0 / np.sqrt(max(smallest, 0.0) + max(epsilon, 1e-12))
        self.gain = max([1.0, *gammas]) * self._adjusted()
        self.normalized = max(1.0, self.value * self.inverse)
        self.root = np.sqrt(max([batch.shape[0] for batch in filled], default=1))
        squares = [np.mean(data.loss_weights(case, index) ** 2) for index in steps if batches[index].size]
        self.weight = float(np.sqrt(np.mean(squares)))

    def dtype(self, field: str, array: np.ndarray) -> str:
        """The dtype whose rounding an array shows: of the inputs, for state of the variable (bfloat16 travels as
        float32), for losses of the coarsest variable."""
        kind = kind_of(field)
        if kind == "losses":
            halves = [dtype for dtype in ("bfloat16", "float16") if dtype in self._dtypes.values()]
            return halves[0] if halves else array.dtype.name
        return self._dtypes.get(field.split(".state.")[-1], array.dtype.name) if kind == "state" else self._inputs

    def _history(self, variable: str) -> list[np.ndarray]:
        return [values for field, values in self._state.items() if field.endswith(f".state.{variable}")]

    def _largest(self, variable: str) -> float:
        return max([1.0, *[float(np.nanmax(np.abs(values), initial=0.0)) for values in self._history(variable)]])

    def _weighted_spread(self, batches: list[np.ndarray]) -> list[float]:
        weights = cases.argument(self.case, "batch_weights")
        if not isinstance(weights, dict) or weights["$"] != "weights" or len(cases.get(self.case, "shape")) == 1:
            return []
        spread = []
        for index, batch in enumerate(batches):
            each = data.batch_weights(self.case, index, weights["form"]).ravel()[: batch.shape[0]]
            if each.sum() > 0:
                (axis,) = functions.channel_axes(self.case)
                rows = np.moveaxis(batch, axis, -1).reshape(batch.shape[0], -1, data.channels(self.case))
                share = each[:, None, None] / (each.sum() * rows.shape[1])
                mean = (rows * share).sum(axis=(0, 1))
                spread.append(float(((rows - mean) ** 2 * share).sum(axis=(0, 1)).min()))
        return spread

    def _adjusted(self) -> float:
        if cases.argument(self.case, "adjustment") is None:
            return 1.0
        return (0.8 + 0.2 * data.channels(self.case)) * (0.5 + 0.25 * max(cases.batch_sizes(self.case)))

    def of(self, kind: str, name: str) -> float:
        """The scale of an array: its kind, and the name of what a gradient is for."""
        if kind == "output":
            return self.gain * self.normalized
        # The error of a sum of n terms |x| * inv, averaged or not; for offsets of dy alone, unless the output is in it.
        # An activation's slope follows the output, whose error no sum averages out.
        active = cases.argument(self.case, "activation_fn") is not None
        terms = 1.0 if name.endswith(("beta", "offset")) and not active else self.normalized
        slope = self.inverse * (1.0 + terms / (1.0 if active else self.root)) if name == "inputs" else terms * self.root
        if kind == "gradient":
            return self.gain * self.weight * slope
        if kind == "second":
            return 2.0 * (self.gain * self.inverse * self.weight) ** 2 * slope
        if kind == "state":
            if self.one_pass and name.endswith("variance"):
                return self.value**2
            if name.endswith(("/gamma", "/beta")):
                # What an optimizer has made of it.
                moved = (cases.get(self.case, "learning_rate") or 0.0) * cases.get(self.case, "steps")
                return self._largest(name) + moved * self.of("gradient", name)
            # A small decay takes away most of what was there, whose rounding stays.
            before = self._largest(name)
            return max(self.value, before) if name.endswith(("mean", "biased")) else before
        return 0.0


def kind_of(field: str) -> str:
    """What an array is: output, gradient, second, state or losses."""
    for kind in ("gradient", "second", "state"):
        if f".{kind}." in field:
            return kind
    return "losses" if field == "losses" else "output"


def tolerance(case: cases.Case, field: str, dtype: str) -> Tolerance:
    """The table's entry for a field whose rounding is that of `dtype`."""
    kind = kind_of(field)
    if original_path.row(case) in FUSED:
        if field.endswith("variance") and kind == "state" and cases.get(case, "dtype") == "bfloat16":
            return TABLE["one-pass state", dtype]
        return TABLE.get(("fused " + kind, dtype), TABLE.get((kind, dtype), EXACT))
    return TABLE.get((kind, dtype), EXACT)


def scales(case: cases.Case, expected: dict[str, Any], variables: Any = ()) -> Scales | LayerScales:
    return LayerScales(case, expected) if functions.is_layer(case) else Scales(case, expected, variables)


def bound(case: cases.Case, scales: Scales | LayerScales, field: str, expected: np.ndarray) -> float:
    """The largest absolute difference allowed in an array."""
    if isinstance(scales, LayerScales):
        return scales.bound(field)
    dtype, kind = scales.dtype(field, expected), kind_of(field)
    found = tolerance(case, field, dtype)
    finite = np.abs(expected[np.isfinite(expected)].astype(np.float64))
    largest = float(finite.max()) if finite.size else 0.0
    scale = max(largest, scales.of(kind, field.split(f".{kind}.")[-1]))
    if found.reason == _ONE_ROUNDING:
        # One ulp of the result, and what float32 makes of the terms.
        return EPSILON[dtype] * largest + TABLE[kind, "float32"].ulps * EPSILON["float32"] * scale
    return found.ulps * EPSILON.get(dtype, 0.0) * scale

"""Layers of all front ends, in all surroundings, against a formula in float64: outputs, derivatives and statistics."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np

from tests.fuzz import layer_case
from tests.fuzz.formula import expected
from tests.fuzz.front_ends import computed
from tests.fuzz.layer_case import Case, Numbers, numbers_of

# By how many roundings a result may be off, of the largest term that it is computed from. TensorFlow sums in blocks, so
# that of up to 729 samples a sum takes some 10 of them; another 6 are those of the other ops of the formula. A
# derivative goes through all of it once more, a second derivative twice more.
ROUNDINGS = 16
ORDERS = {"dx": 2, "dgamma": 2, "dbeta": 2, "ddx": 3, "ddgamma": 3, "ddbeta": 3}
HALF_ROUNDINGS = 2  # of the half precisions, in which only what comes and goes is rounded, for each order
EPSILONS = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}


def prepare(folder: Path) -> None:
    """Nothing is needed."""


def draw(chance: random.Random, _: None) -> Case:
    return layer_case.draw(chance)


def check(case: Case, _: None) -> None:
    given = numbers_of(case)
    results, wanted = computed(case, given), expected(case, given)
    good = slice(0 if case.spoiled is None else 1, None)
    if "along" in results:
        wanted["along"] = np.sum((wanted["dx"] * given.tangent)[..., good])
    bounds = allowed(case, given, wanted)
    for name, value in results.items():
        if name == "along" and case.spoiled is not None:
            continue
        got, want, bound = (part[..., good] if np.ndim(part) else part for part in (value, wanted[name], bounds[name]))
        assert np.shape(got) == np.shape(want), f"{name}: expected the shape {np.shape(want)}, got {np.shape(got)}"
        wrong = ~(np.abs(got - want) <= bound)
        assert not np.any(wrong), (
            f"{name}: expected {np.ravel(want)[:8]}, got {np.ravel(got)[:8]}, "
            f"off by {np.max(np.abs(got - want))} where {np.ravel(bound)} is allowed"
        )


def allowed(case: Case, given: Numbers, wanted: dict[str, np.ndarray]) -> dict[str, Any]:
    """How far results may be off, by channel: roundings of the largest terms that they are computed from.

    What x itself is rounded by counts `condition` times in what is normalized; where that leaves no digit, a result
    has to be finite.
    """
    state, epsilon = given.vectors, case.arguments["epsilon"]
    axes, size = tuple(range(given.x.ndim - 1)), max(given.x[..., 0].size, 1)
    with np.errstate(all="ignore"):
        largest = np.maximum(np.abs(given.x).max(axes, initial=0), np.abs(state["moving_mean"]))
        number = max(1, case.shape[0] // (case.arguments["virtual_batch_size"] or case.shape[0] or 1)) if axes else 1
        variances = [given.x[part::number].var(axes) if axes else 0 * largest for part in range(number)]
        weighed = [] if given.counted.all() else [0 * largest]  # a few samples may have any variance
        least = np.nanmin([*variances, *weighed, state["moving_variance"] + 0 * largest], 0)
        inverse = 1 / np.sqrt(least + epsilon)
        condition = 1 + largest * inverse
        rounding = ROUNDINGS * EPSILONS["float64" if case.dtype == "float64" else "float32"] * condition
        rounding = np.where(rounding < 0.02, rounding, np.finfo(float).max ** 0.25)
        if case.dtype in ("float16", "bfloat16"):
            rounding = rounding + HALF_ROUNDINGS * EPSILONS[case.dtype]
        gamma = state["gamma"] * (largest * 0 + max(1.0, np.max(inverse * largest)) if "renorm_mean" in state else 1.0)
        y = 1 + np.abs(wanted["outputs"]).max(axes, initial=0)
        slope = inverse * (1 + gamma)
    terms = {
        "outputs": gamma + y,
        "dx": slope * (1 + gamma),
        "dgamma": size * y * (1 + gamma),
        "dbeta": size * (1 + gamma),
        "ddx": slope * (slope + y) * (1 + gamma),
        "ddgamma": size * (slope + y) * y * (1 + gamma),
        "ddbeta": size * (slope + y) * (1 + gamma),
        **{name: np.abs(wanted[name]) + np.abs(value) + epsilon for name, value in state.items()},
    }
    for name in ("moving_mean", "renorm_mean"):
        terms[name] = terms.get(name, 0) + largest
    bounds = {name: ORDERS.get(name, 1) * rounding * term + 1e-35 for name, term in terms.items()}
    bounds["along"] = np.sum(np.abs(given.tangent) * bounds["dx"])
    return bounds

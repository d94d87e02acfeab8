"""A random call of a layer, and the numbers that it is given."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tests.graph.regimes import REGIMES

DECAY, RENORM_DECAY = 0.75, 0.5  # the original takes 1 - decay in float32, which rounds others
EAGER = ("eager", "function", "function around tapes", "XLA", "XLA around tapes", "cond", "while", "forward mode")
PURE = ("vectorized_map", "recompute_grad", "Dataset.map", "nested conds")
SURROUNDINGS = {
    "functional": EAGER + PURE,
    "BatchNorm": EAGER,
    "keras": ("eager", "function", "function around tapes"),
    "batch_norm": ("graph", "graph cond", "graph while"),
    "batch_normalization": ("graph",),
}
RENORMS: list[dict[str, Any] | None] = [None, {}, {"rmin": 0.7, "rmax": 1.6, "dmax": 0.9}]


class Case(NamedTuple):
    """A call in training or inference, on inputs with the channels last unless `first` puts them on axis 1."""

    seed: int
    front: str
    around: str
    shape: tuple[int, ...]  # channels last
    first: bool
    dtype: str
    spread: float  # of the inputs around `offset`
    offset: float
    spoiled: float | None  # what one element of the first channel is
    training: bool
    dynamic: bool  # is_training is a tensor
    arguments: dict[str, Any]
    weighing: str  # "", "weights", "mask" or both
    counted: float  # the share of samples that count
    regime: tuple[bool, bool]


def draw(chance: random.Random) -> Case:
    front = chance.choice(list(SURROUNDINGS))
    around = chance.choice(SURROUNDINGS[front])
    rank = chance.randint(1, 7)
    largest = 3 if rank > 4 else 6
    shape = tuple(0 if chance.random() < 0.04 else chance.randint(1, largest) for _ in range(rank - 1))
    shape += (chance.randint(1, 4),)
    virtual = chance.choice([size for size in range(1, 7) if shape[0] % size == 0]) if rank > 1 else None
    half = chance.random() < 0.15 and "XLA" not in around
    arguments: dict[str, Any] = {"epsilon": chance.choice([2e-5, 1e-3, 1e-3, 0.5])}
    arguments["renorm_clipping"] = chance.choice([None, None, *RENORMS])
    arguments["fused"] = chance.choice([True, True, False])
    arguments["virtual_batch_size"] = virtual if chance.random() < 0.15 else None
    arguments["update_statistics"] = chance.random() < 0.9
    weighed = rank > 1 and front != "batch_normalization"
    return Case(
        chance.randrange(2**31),
        front,
        around,
        shape,
        rank > 1 and chance.random() < 0.3,
        chance.choice(["float16", "bfloat16"]) if half else chance.choice(["float32", "float32", "float64"]),
        10 ** chance.uniform(-1, 1) if half else chance.choice([1.0, 3.0, 10 ** chance.uniform(-12, 12)]),
        chance.choice([0.0, 2.0, -7.0]) if half else chance.choice([0.0, 5.0, 100.0, -(10 ** chance.uniform(-6, 6))]),
        chance.choice([np.inf, -np.inf, np.nan]) if chance.random() < 0.1 and shape[-1] > 1 else None,
        chance.random() < 0.8,
        chance.random() < 0.25,
        arguments,
        chance.choice(["", "", "weights", "mask", "weights mask"]) if weighed else "",
        chance.choice([0.0, 0.5, 0.9, 1.0]),
        chance.choice(REGIMES),
    )


class Numbers(NamedTuple):
    """What a case is about, in float64 with the channels last."""

    x: np.ndarray
    slope: np.ndarray
    tangent: np.ndarray
    vectors: dict[str, np.ndarray]  # parameters and state
    weights: np.ndarray | None
    mask: np.ndarray | None

    @property
    def counted(self) -> np.ndarray:
        """The weight of each element, broadcasting against x."""
        ones = np.ones(self.x.shape[:1])
        weights = (ones if self.weights is None else self.weights).reshape(-1, *[1] * (self.x.ndim - 1))
        return weights if self.mask is None else weights * self.mask.reshape(-1, *[1] * (self.x.ndim - 1))


def numbers_of(case: Case) -> Numbers:
    chance, channels = np.random.RandomState(case.seed), case.shape[-1]
    x = chance.normal(size=case.shape) * case.spread + case.offset * (1 + np.arange(channels))
    # Rounded first, so that both sides compute with the same numbers.
    x = tf.cast(tf.constant(x), case.dtype).numpy().astype(np.float64)
    if case.spoiled is not None and x.size:
        x[(*[0] * (x.ndim - 1), 0)] = case.spoiled
    size = np.abs(case.offset) * channels + case.spread
    vectors = {
        "beta": chance.uniform(-1, 1, channels),
        "gamma": chance.uniform(0.5, 1.5, channels),
        "moving_mean": case.offset + case.spread * chance.uniform(-1, 1, channels),
        "moving_variance": (size * chance.uniform(0.5, 1.5, channels)) ** 2,
    }
    if case.arguments["renorm_clipping"] is not None:
        epsilon = case.arguments["epsilon"]
        vectors["renorm_mean"] = case.offset + case.spread * chance.uniform(-1, 1, channels)
        vectors["renorm_stddev"] = np.sqrt((case.spread * chance.uniform(0.5, 1.5, channels)) ** 2 + epsilon)
        vectors["moving_stddev"] = np.sqrt(vectors["moving_variance"] + epsilon)
    stored = "float64" if case.dtype == "float64" else "float32"
    vectors = {name: value.astype(stored).astype(np.float64) for name, value in vectors.items()}
    samples = case.shape[:1]
    weights = chance.uniform(0.5, 2.0, samples) * (chance.uniform(size=samples) < case.counted)
    mask = chance.uniform(size=samples) < case.counted
    return Numbers(
        x,
        chance.normal(size=case.shape),
        chance.normal(size=case.shape),
        vectors,
        weights.astype(stored).astype(np.float64) if "weights" in case.weighing else None,
        mask if "mask" in case.weighing else None,
    )


def is_unbiased(case: Case) -> bool:
    """What the front end's own paths do; where it is an argument, the calls below ask for the same."""
    fused, rank = case.arguments["fused"] and case.arguments["renorm_clipping"] is None, len(case.shape)
    if case.front == "batch_normalization":
        return fused and rank == 4 and case.arguments["virtual_batch_size"] is None
    return fused and rank in (2, 4) and "weights" not in case.weighing

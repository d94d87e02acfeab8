"""Random cases of tf.layers.batch_normalization: a row, what has statistics of its own, and everything around them.

Drawn as strategies.py draws those of contrib's function, whose helpers it uses.
"""

from __future__ import annotations

import math
import random
from typing import Any

from . import case as cases
from .registry.encode import AUTO_REUSE, INITIALIZERS, adjustment, clip, fill, l2, scope
from .strategies import DECAYS, DTYPES, SCOPE_OPTIONS, STEPS, is_training, regime, renorm, weighted

ROWS = {"core-fused": 3, "core-nonfused": 4, "core-renorm": 3}
STATISTICS = {"one axis": 4, "several axes": 3, "virtual batches": 3}


def draw(seed: int, index: int) -> cases.Case:
    """Case `index` of a seed."""
    rng = random.Random(f"layers/{seed}/{index}")
    row = weighted(rng, ROWS)
    while True:
        arguments: dict[str, Any] = {}
        fields: dict[str, Any] = {"function": "batch_normalization", "arguments": arguments, "steps": STEPS}
        axes = _layout(rng, row, fields, arguments)
        # Two samples lie next to each other by chance, and then their variance is all rounding. One has none.
        if 2 not in _samples(fields, axes):
            break
    fields["seed"] = rng.randrange(10**6)
    if row == "core-renorm":
        renorm(rng, arguments, "renorm_momentum")
    if rng.random() < 0.9:
        arguments["training"] = is_training(rng)
    fields["dtype"] = weighted(rng, DTYPES)
    _numbers(rng, arguments)
    regime(rng, fields)
    _around(rng, fields, arguments, axes)
    _training_step(rng, fields, arguments)
    few = math.prod(fields["shape"]) < 8 * math.prod(fields["shape"][axis] for axis in axes)
    fields["second_order"] = rng.random() < 0.25 and not (few and fields["dtype"] == "float16")
    if rng.random() < 1 / 16:
        _spoil(rng, fields, axes)
    return cases.make(f"seed {seed} index {index} (layers, {row})", **fields)


def _layout(rng: random.Random, row: str, fields: dict[str, Any], arguments: dict[str, Any]) -> list[int]:
    """Shape, axis and what goes with them; returns the axes counted from the left."""
    statistics = "one axis" if row == "core-fused" else weighted(rng, STATISTICS)
    rank = rng.choice([1, 2, 2, 3, 4, 4, 4, 5, 6])
    if row == "core-fused":
        rank = 4
    elif statistics != "one axis":
        rank = max(rank, 2 if statistics == "virtual batches" else 3)
    if statistics == "one axis":
        axis = rng.choice([rank - 1, rank - 1, rank - 1, min(1, rank - 1), rng.randrange(rank)])
        if row == "core-fused":
            axis = rng.choice([3, 3, 1])
        axes = [axis]
    elif statistics == "several axes":
        axes = rng.sample(range(rank), rng.choice([2, 2, min(3, rank - 1)]))
    else:
        axes = rng.sample(range(1, rank), rng.choice([1, 1, min(2, rank - 1)]))
    few = 2 if len(axes) > 2 else 3
    shape = [rng.choice([2, 2, 3, few]) if axis in axes else rng.choice([1, 2, 3]) for axis in range(rank)]
    if 0 not in axes:
        shape[0] = rng.choice([2, 3, 4, 5, 6])
    size = None
    if statistics == "virtual batches":
        arguments["virtual_batch_size"] = size = rng.choice([1, 2, 2, 3])
        shape[0] = size * rng.choice([1, 2, 3])
    if row == "core-nonfused" and rank == 4 and statistics == "one axis" and axes[0] in (1, 3):
        # What else leads away from the fused kernel.
        if rng.random() < 0.5:
            arguments["adjustment"] = adjustment(rng.choice(["channel", "example"]))
        else:
            arguments["fused"] = False
    elif rng.random() < 0.5:
        arguments["fused"] = rng.choice([None, True] if row == "core-fused" else [None, True, False])
    if row != "core-fused" and size is None and rng.random() < 0.15:
        arguments["adjustment"] = adjustment(rng.choice(["channel", "example"]))
    written = [axis - rank if rng.random() < 0.5 else axis for axis in axes]
    if len(axes) > 1 or rng.random() < 0.3:
        arguments["axis"] = written
    elif axes != [rank - 1] or rng.random() < 0.5:
        arguments["axis"] = written[0]
    fields["shape"] = shape
    if rng.random() < 0.5:
        # The original can leave open one axis only where it reshapes into virtual batches.
        chance = 0.6 if size is None else 0.1
        open_axes = [axis for axis in range(1, rank) if axis not in axes and rng.random() < chance]
        fields["dynamic"] = ([0] if 0 not in axes and rng.random() < 0.6 else []) + open_axes
        if 0 in fields["dynamic"]:
            counts = [2, 3, 4, 6] if size is None else [size, 2 * size, 3 * size]
            last = [1, 2, 5] if size is None or rng.random() < 0.2 else counts
            fields["batches"] = [rng.choice(counts) for _ in range(STEPS)] + [rng.choice(last)]
    return axes


def _samples(fields: dict[str, Any], axes: list[int]) -> set[int]:
    """How many samples the statistics of a training step are taken over."""
    shape = fields["shape"]
    inside = math.prod(size for axis, size in enumerate(shape) if axis not in (0, *axes))
    size = fields["arguments"].get("virtual_batch_size")
    if 0 in axes or size is not None:
        return {inside * (size or 1)}
    return {inside * count for count in cases.batch_sizes(fields)[:-1]}


def _numbers(rng: random.Random, arguments: dict[str, Any]) -> None:
    if rng.random() < 0.8:
        arguments["momentum"] = rng.choice(DECAYS)
    for name in ("center", "scale"):
        if rng.random() < 0.5:
            arguments[name] = rng.random() < 0.6
    if rng.random() < 0.5:
        arguments["epsilon"] = rng.choice([1e-3, 1e-5, 1e-7, 0.1])
    for name, value in INITIALIZERS.items():
        if rng.random() < 0.5:
            arguments[f"{name}_initializer"] = value
    for name in ("beta", "gamma"):
        if rng.random() < 0.15:
            arguments[f"{name}_regularizer"] = l2(rng.choice([0.25, 0.5]))
    if rng.random() < 0.15:
        arguments["trainable"] = False


def _around(rng: random.Random, fields: dict[str, Any], arguments: dict[str, Any], axes: list[int]) -> None:
    if rng.random() < 0.4:
        arguments["name"] = rng.choice(["s", "o/i", scope("held"), scope("held/inner")])
        if rng.random() < 0.2:
            arguments["reuse"] = rng.choice([AUTO_REUSE, False])
    if rng.random() < 0.3:
        given = {key: SCOPE_OPTIONS[key] for key in rng.sample(sorted(SCOPE_OPTIONS), rng.randint(0, 2))}
        # Parameters are cut along their first axis.
        flat = len(axes) == 1 and "virtual_batch_size" not in arguments
        if rng.random() < 0.3 and flat and fields["shape"][axes[0]] > 1:
            given["partitioner"] = 2
            for name in INITIALIZERS:
                if f"{name}_initializer" in arguments:
                    arguments[f"{name}_initializer"] = fill(1.5)  # a part has another shape
        fields["surroundings"] = {"name": "outer", **given}
    fields["calls"] = weighted(rng, {"one": 4, "reuse": 3} if "name" in arguments else {"one": 12, "default_names": 2})


def _training_step(rng: random.Random, fields: dict[str, Any], arguments: dict[str, Any]) -> None:
    """Constraints, and an optimizer that applies them."""
    parameters = [name for name, given in (("gamma", "scale"), ("beta", "center")) if arguments.get(given, True)]
    for name in parameters:
        if rng.random() < 0.2:
            low = rng.choice([-0.25, 0.5])
            arguments[f"{name}_constraint"] = clip(low, low + 0.75)
    if not parameters or arguments.get("trainable") is False or fields["calls"] != "one":
        return
    # The float32 parameters of half-precision inputs would be off by the rounding of their gradients.
    if fields["dtype"] in ("float32", "float64") and rng.random() < 0.5:
        fields["learning_rate"] = rng.choice([0.01, 0.0625])


def _spoil(rng: random.Random, fields: dict[str, Any], axes: list[int]) -> None:
    """Make the case one that has to be refused."""
    arguments, rank = fields["arguments"], len(fields["shape"])
    # One error at a time: where there are two, which of them is found first is not specified.
    fields["dtype"] = "float32"
    fields["control_flow_v2"] = False
    fields.get("surroundings", {}).pop("partitioner", None)
    fields["dynamic"], fields["batches"] = [], None
    fields["learning_rate"] = None
    arguments["momentum"] = 0.9
    ways: list[Any] = [
        {"axis": rng.choice([rank, -rank - 1])},
        {"axis": [rank - 1, -1]},
        {"axis": {"$": "tuple", "items": [0]}},
        {"virtual_batch_size": rng.choice([0, -2]), "axis": -1, "adjustment": None},
        {"virtual_batch_size": fields["shape"][0], "axis": 0, "adjustment": None},
        {"virtual_batch_size": fields["shape"][0], "axis": -1, "adjustment": adjustment()},
        {"virtual_batch_size": fields["shape"][0] + 1, "axis": -1, "adjustment": None, "training": True},
        {"renorm": True, "renorm_clipping": {"rmiddle": 1.0}},
        {"reuse": True},
        {"momentum": 1.5},
        {"epsilon": -0.001},
        {"training": None},
        {"training": 2},
        "dtype",
        "rank",
        "channels",
        "twice",
    ]
    how = rng.choice(ways if rank > 1 else [*ways[:3], *ways[7:]])
    if how == "dtype":
        fields["dtype"] = rng.choice(["int32", "string", "bool"])
    elif how == "rank":
        fields["unknown_rank"] = True
    elif how == "channels":
        fields["dynamic"] = [axes[0]]
    elif how == "twice":
        fields["calls"] = "same_scope"
        arguments["name"] = "s"
        arguments.pop("reuse", None)
    else:
        arguments.update(how)
        fields["calls"] = "one"

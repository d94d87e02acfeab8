"""Random cases: first a row of the dispatch table and a kind of is_training, then everything else around them.

Draws are weighted towards configurations that work, so that numbers get compared; one in sixteen is given an error.
Case `index` of a seed depends on nothing else: it can be drawn again alone.
"""

from __future__ import annotations

import math
import random
from typing import Any

from . import case as cases
from .registry.encode import (
    AUTO_REUSE,
    EQUAL_UPDATE_OPS,
    HALVE,
    INITIALIZERS,
    TANH,
    UPDATE_OPS,
    adjustment,
    constant,
    fed,
    fill,
    l2,
    numpy,
    scope,
    variable,
    weights,
)

STEPS = 3
SCHEDULES = ([True, True, False], [True, False, True], [False, True, True], [True, True, True], [False, False, True])
OTHER_UPDATES: tuple[Any, ...] = (
    None,
    "my_updates",
    ["my_updates"],
    ["one", "two"],
    [],
    {"$": "set", "items": ["one", "two"]},
    {"$": "tuple", "items": ["one"]},
    EQUAL_UPDATE_OPS,
    [UPDATE_OPS],
)
SCOPE_OPTIONS = {
    "regularizer": 0.25,
    "reuse": "AUTO_REUSE",
    "initializer": 2.0,
    "dtype": "float64",
    "use_resource": True,
}
DECAYS: tuple[Any, ...] = (
    *(0.9, 0.9, 0.5, 0.999, 0.0, 1.0, 0, 1),
    constant(0.8),
    constant(0.7, "float64"),
    fed(0.5, 0.9, dtype="float32"),
)
DTYPES = {"float32": 10, "float64": 3, "float16": 3, "bfloat16": 2}
ROWS = {"function-fused": 4, "core-fused": 4, "core-nonfused": 4, "core-renorm": 4, "legacy": 4, "refused": 2}


def draw(seed: int, index: int) -> cases.Case:
    """Case `index` of a seed."""
    rng = random.Random(f"{seed}/{index}")
    row = weighted(rng, ROWS)
    shape, arguments = _of_row(rng, row)
    fields: dict[str, Any] = {"shape": shape, "seed": rng.randrange(10**6), "steps": STEPS}
    arguments["is_training"] = is_training(rng)
    fields["dtype"] = weighted(rng, DTYPES)
    _layout(rng, fields, arguments)
    _numbers(rng, fields, arguments)
    _collections(rng, arguments)
    regime(rng, fields)
    _around(rng, fields, arguments)
    if isinstance(arguments.get("batch_weights"), dict) and rng.random() < 0.8:
        arguments["batch_weights"]["dtype"] = fields["dtype"]
    # Few samples may have next to no variance: the cube of 1 / sqrt(variance) leaves the range of float16.
    few = math.prod(fields["shape"]) < 8 * fields["shape"][_channel_axis(fields["shape"], arguments)]
    fields["second_order"] = rng.random() < 0.25 and not (few and fields["dtype"] == "float16")
    fields["arguments"] = arguments
    if rng.random() < 1 / 16:
        _spoil(rng, fields)
    else:
        _into_arg_scope(rng, fields)
    return cases.make(f"seed {seed} index {index} ({row})", **fields)


def weighted(rng: random.Random, choices: dict[Any, float]) -> Any:
    """One of the keys, each as often as its weight says."""
    return rng.choices(list(choices), list(choices.values()))[0]


def _of_row(rng: random.Random, row: str) -> tuple[list[int], dict[str, Any]]:
    """A shape, channels last, and the arguments that lead to a row."""
    arguments: dict[str, Any] = {}
    fused = rng.choice([None, True, "left out"])
    if fused != "left out":
        arguments["fused"] = fused
    rank = rng.choice([1, 2, 2, 3, 4, 4, 4, 5, 6])
    if row == "function-fused":
        rank = rng.choice([2, 4, 4])
        if rank == 4 or rng.random() < 0.5:
            _beyond_default(rng, arguments)
    elif row == "core-fused":
        rank = 4
    elif row == "core-nonfused":
        if rank in (2, 4):
            if rng.random() < 0.5:
                arguments["fused"] = False
            else:
                arguments["adjustment"] = adjustment(rng.choice(["channel", "example", "example"]))
    elif row == "core-renorm":
        renorm(rng, arguments)
    elif row == "refused":
        renorm(rng, arguments)
        if rng.random() < 0.3:
            arguments["batch_weights"] = _batch_weights(rng)
        else:
            _beyond_default(rng, arguments)
    elif rng.random() < 0.5:
        arguments["batch_weights"] = _batch_weights(rng)
        if rng.random() < 0.5:
            _beyond_default(rng, arguments)
    else:
        _beyond_default(rng, arguments)
        if rank in (2, 4):
            arguments["fused"] = False
    if row in ("core-renorm", "legacy", "refused") and rng.random() < 0.15:
        arguments["adjustment"] = adjustment(rng.choice(["channel", "example"]))
    if rank == 1 and "batch_weights" in arguments:
        rank = 3  # a vector is one value per channel and its own batch
    # In a vector of one the original squeezes the channel away.
    channels = rng.choice([2, 3, 3, 4] if rank == 1 else [1, 2, 3, 3, 4])
    batch = rng.choice([2, 3, 4, 5, 6])
    return (
        [channels] if rank == 1 else [batch, *[rng.choice([1, 2, 3]) for _ in range(rank - 2)], channels]
    ), arguments


def _beyond_default(rng: random.Random, arguments: dict[str, Any]) -> None:
    """What leaves the default updates: another updates_collections, zero debias, or both."""
    how = rng.choice(["updates", "updates", "debias", "both"])
    if how != "updates":
        arguments["zero_debias_moving_mean"] = True
    if how != "debias":
        arguments["updates_collections"] = rng.choice(OTHER_UPDATES)


def _batch_weights(rng: random.Random) -> dict[str, Any]:
    return weights(rng.choice(["random", "random", "some_zeros", "ones"]))


def renorm(rng: random.Random, arguments: dict[str, Any], decay: str = "renorm_decay") -> None:
    """Renorm, and perhaps a decay and clipping of its own."""
    arguments["renorm"] = True
    if rng.random() < 0.5:
        arguments[decay] = rng.choice([0.0, 0.5, 0.9, 1.0])
    if rng.random() < 0.7:
        values = {"rmax": rng.choice([1.0, 1.25, 2.0]), "rmin": rng.choice([0.5, 0.8]), "dmax": rng.choice([0.25, 1.0])}
        keys = rng.sample(sorted(values), rng.randint(0, 3))
        if rng.random() < 0.3:
            arguments["renorm_clipping"] = {k: fed(values[k], values[k] * 1.5, dtype="float32") for k in keys}
        else:
            arguments["renorm_clipping"] = {key: values[key] for key in keys}


def is_training(rng: random.Random) -> Any:
    """Of every kind of original_path.KINDS, mostly True or changing from step to step."""
    kind = weighted(rng, {"bool": 3, "int": 2, "numpy": 2, "constant": 2, "placeholder": 3, "variable": 3})
    static, schedule = rng.random() < 0.75, rng.choice(SCHEDULES)
    return {
        "bool": static,
        "int": int(static),
        "numpy": numpy(static),
        "constant": constant(static, "bool"),
        "placeholder": fed(*schedule, False),
        "variable": variable(*schedule, False),
    }[kind]


def _layout(rng: random.Random, fields: dict[str, Any], arguments: dict[str, Any]) -> None:
    """Channels first or last, and which dimensions the placeholder leaves open."""
    shape = fields["shape"]
    rank = len(shape)
    first = rank > 1 and rng.random() < 0.3
    if first:
        arguments["data_format"] = "NCHW"
        fields["shape"] = shape = [shape[0], shape[-1], *shape[1:-1]]
    elif rng.random() < 0.2:
        arguments["data_format"] = "NHWC"
    axis = _channel_axis(shape, arguments)
    if rng.random() < 0.5:
        fields["dynamic"] = [dim for dim in range(rank) if dim != axis and rng.random() < 0.6]
        if 0 in fields["dynamic"]:
            fields["batches"] = [rng.choice([2, 3, 4, 6]) for _ in range(STEPS)] + [rng.choice([1, 2, 5])]


def _numbers(rng: random.Random, fields: dict[str, Any], arguments: dict[str, Any]) -> None:
    if rng.random() < 0.8:
        arguments["decay"] = rng.choice(DECAYS)
    for name in ("center", "scale"):
        if rng.random() < 0.7:
            arguments[name] = rng.random() < (0.6 if name == "center" else 0.8)
    if rng.random() < 0.5:
        arguments["epsilon"] = rng.choice([1e-3, 1e-5, 1e-7, 0.1])
    if rng.random() < 0.3:
        arguments["activation_fn"] = TANH if fields["dtype"] in ("float32", "float64") else HALVE
    if rng.random() < 0.7:
        keys = rng.sample(sorted(INITIALIZERS), rng.randint(1, 4))
        arguments["param_initializers"] = {key: INITIALIZERS[key] for key in keys}
    if rng.random() < 0.2:
        keys = rng.choice([["beta"], ["gamma"], ["beta", "gamma"]])
        arguments["param_regularizers"] = {key: l2(rng.choice([0.25, 0.5])) for key in keys}


def _collections(rng: random.Random, arguments: dict[str, Any]) -> None:
    if rng.random() < 0.25:
        trainable = {"$": "key", "value": "TRAINABLE_VARIABLES"}
        choices = [["mine"], ["mine", "also"], {"beta": ["b"], "moving_mean": ["m", "n"]}, "ab", [trainable], {}]
        arguments["variables_collections"] = rng.choice(choices)
    if rng.random() < 0.25:
        arguments["outputs_collections"] = rng.choice(["my_outputs", ["one", "two"]])
    if rng.random() < 0.15:
        arguments["trainable"] = False


def regime(rng: random.Random, fields: dict[str, Any]) -> None:
    """Kinds of variables, control flow and updating."""
    fields["resource"] = rng.random() < 0.5
    # With ref variables control flow v2 is refused, so that it is drawn rarely there.
    fields["control_flow_v2"] = rng.random() < (0.5 if fields["resource"] else 0.1)
    fields["v2_behavior"] = rng.random() < 0.5
    fields["updates_via"] = rng.choice(["run", "group", "control"])


def _around(rng: random.Random, fields: dict[str, Any], arguments: dict[str, Any]) -> None:
    if rng.random() < 0.4:
        arguments["scope"] = rng.choice(["s", "o/i", scope("held"), scope("held/inner")])
        if rng.random() < 0.2:
            arguments["reuse"] = rng.choice([AUTO_REUSE, False])
    if rng.random() < 0.3:
        given = {key: SCOPE_OPTIONS[key] for key in rng.sample(sorted(SCOPE_OPTIONS), rng.randint(0, 2))}
        channels = fields["shape"][_channel_axis(fields["shape"], arguments)]
        if rng.random() < 0.3 and channels > 1:
            given["partitioner"] = 2
            for key in arguments.get("param_initializers", {}):
                arguments["param_initializers"][key] = fill(1.5)  # a part has another shape
        fields["surroundings"] = {"name": "outer", **given}
    inline = "updates_collections" in arguments and arguments["updates_collections"] is None
    calls = {"one": 12, "default_names": 2}
    if arguments.get("scope"):
        calls = {"one": 4, "reuse": 3}
    if inline:
        calls["cond"] = 4
    fields["calls"] = weighted(rng, calls)


def _channel_axis(shape: list[int], arguments: dict[str, Any]) -> int:
    return 1 if arguments.get("data_format") == "NCHW" else len(shape) - 1


def _into_arg_scope(rng: random.Random, fields: dict[str, Any]) -> None:
    """Give some of the arguments by one or two arg_scopes."""
    if rng.random() < 0.75:
        return
    arguments = fields["arguments"]
    scopes: list[dict[str, Any]] = [{} for _ in range(rng.randint(1, 2))]
    for name in sorted(arguments):
        if name != "reuse" and rng.random() < 0.5:
            rng.choice(scopes)[name] = arguments.pop(name)
    if rng.random() < 0.5:
        # Overridden from inside, so that it must not show.
        overridden = rng.choice(sorted(arguments) or ["scale"])
        if overridden in arguments and overridden not in ("scope", "reuse", "adjustment", "batch_weights"):
            scopes[0][overridden] = {"scale": False, "center": False, "decay": 0.25}.get(
                overridden, arguments[overridden]
            )
    fields["arg_scope"] = scopes


def _spoil(rng: random.Random, fields: dict[str, Any]) -> None:
    """Make the case one that has to be refused."""
    arguments = fields["arguments"]
    # One error at a time: where there are two, which of them is found first is not specified.
    fields["dtype"] = "float32"
    fields["control_flow_v2"] = False
    fields.get("surroundings", {}).pop("partitioner", None)
    arguments["decay"] = 0.9
    arguments.pop("renorm", None)
    if isinstance(arguments.get("batch_weights"), dict):
        arguments["batch_weights"]["dtype"] = "float32"
    ways = [
        {"data_format": "NDHWC"},
        {
            "renorm": True,
            "renorm_clipping": {"rmiddle": 1.0},
            "updates_collections": UPDATE_OPS,
            "batch_weights": None,
            "zero_debias_moving_mean": False,
        },
        {"reuse": True, "scope": None},
        {"reuse": True, "scope": "nobody"},
        {"batch_weights": weights("long")},
        {"decay": 1.5},
        {"epsilon": -0.001},
        {"is_training": None},
    ]
    how = rng.choice([*ways, "dtype", "rank", "channels", "twice"])
    if how == "dtype":
        fields["dtype"] = rng.choice(["int32", "string", "bool"])
    elif how == "rank":
        fields["unknown_rank"] = True
    elif how == "channels":
        fields["dynamic"] = [_channel_axis(fields["shape"], arguments)]
        fields["batches"] = None
    elif how == "twice":
        fields["calls"] = "same_scope"
        arguments["scope"] = "s"
        arguments.pop("reuse", None)
    else:
        arguments.update(how)
        fields["calls"] = "one"

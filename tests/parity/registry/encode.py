"""Short ways to write the encoded arguments of a case (`arguments.py` decodes them), and the paths cases start from."""

from __future__ import annotations

from typing import Any

UPDATE_OPS = {"$": "update_ops"}
EQUAL_UPDATE_OPS = {"$": "built", "parts": ["update", "_ops"]}
AUTO_REUSE = {"$": "auto_reuse"}
RELU = {"$": "activation", "function": "relu"}
TANH = {"$": "activation", "function": "tanh"}
HALVE = {"$": "halve"}


def fed(*values: Any, dtype: str = "bool") -> dict[str, Any]:
    """A placeholder, fed with one value per training step and then one for inference (the last one stays)."""
    return {"$": "fed", "values": list(values), "dtype": dtype}


def variable(*values: Any, dtype: str = "bool") -> dict[str, Any]:
    """A variable, assigned like `fed`."""
    return {"$": "variable", "values": list(values), "dtype": dtype}


def constant(value: Any, dtype: str = "float32") -> dict[str, Any]:
    return {"$": "constant", "value": value, "dtype": dtype}


def numpy(value: Any, type: str = "bool_") -> dict[str, Any]:
    return {"$": "numpy", "value": value, "type": type}


def fill(value: float) -> dict[str, Any]:
    """An initializer that does not depend on the shape, as a partitioner needs it."""
    return {"$": "fill", "value": value}


def per_channel(start: float, step: float) -> dict[str, Any]:
    """An initializer with another constant for every channel."""
    return {"$": "per_channel", "start": start, "step": step}


def l2(weight: float) -> dict[str, Any]:
    return {"$": "l2", "weight": weight}


def clip(low: float, high: float) -> dict[str, Any]:
    """A constraint."""
    return {"$": "clip", "low": low, "high": high}


def weights(form: str = "random", dtype: str = "float32") -> dict[str, Any]:
    return {"$": "weights", "form": form, "dtype": dtype}


def adjustment(form: str = "channel") -> dict[str, Any]:
    return {"$": "adjustment", "form": form}


def scope(name: str) -> dict[str, Any]:
    """A VariableScope object."""
    return {"$": "scope", "scope": name}


def drawn(seed: int, low: float = -0.5, high: float = 1.0) -> dict[str, Any]:
    """An initializer whose values depend on the shape alone, as a partitioner needs it."""
    return {"$": "drawn", "seed": seed, "low": low, "high": high}


def function(name: str) -> dict[str, Any]:
    """One of the functions that both sides have (backends.py), such as a normalizer_fn."""
    return {"$": "function", "function": name}


def partial(name: str, **bound: Any) -> dict[str, Any]:
    """The same with arguments bound to it."""
    return {"$": "function", "function": name, **bound}


def made(name: str, **given: Any) -> dict[str, Any]:
    """What one of those functions makes, such as a regularizer."""
    return {"$": "made", "function": name, **given}


BATCH_NORM = function("batch_norm")
INITIALIZERS = {
    "beta": per_channel(0.5, 0.25),
    "gamma": per_channel(1.5, -0.5),
    "moving_mean": per_channel(-0.5, 1.0),
    "moving_variance": per_channel(0.75, 0.5),
}
# Parameters away from 0 and 1, and a decay that moves the statistics visibly in three steps.
LIVELY = {"decay": 0.9, "scale": True, "param_initializers": INITIALIZERS}

RANK_2, RANK_4 = [5, 3], [4, 3, 2, 3]

# Name, shape and arguments that lead to each path.
PATHS: dict[str, tuple[list[int], dict[str, Any]]] = {
    "function_rank2": (RANK_2, {}),
    "function_collection": (RANK_4, {"updates_collections": ["my_updates"]}),
    "function_inline": (RANK_4, {"updates_collections": None}),
    "core_fused": (RANK_4, {}),
    "core_nonfused": (RANK_4, {"fused": False}),
    "core_renorm": (RANK_4, {"renorm": True, "renorm_clipping": {"rmax": 1.5, "rmin": 0.5, "dmax": 0.75}}),
    "legacy_weights": (RANK_4, {"batch_weights": weights()}),
    "legacy_collection": (RANK_4, {"fused": False, "updates_collections": ["my_updates"]}),
    "legacy_inline": (RANK_4, {"fused": False, "updates_collections": None}),
}

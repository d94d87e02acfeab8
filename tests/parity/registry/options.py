"""Every argument, with values that each of them distinguishes."""

from __future__ import annotations

from ..case import Case, make
from .encode import (
    AUTO_REUSE,
    EQUAL_UPDATE_OPS,
    LIVELY,
    PATHS,
    RANK_4,
    RELU,
    UPDATE_OPS,
    adjustment,
    constant,
    fed,
    fill,
    l2,
    numpy,
    per_channel,
    scope,
    weights,
)

EVERY_PATH = {
    "decay_0": {"decay": 0.0},
    "decay_1_int": {"decay": 1},
    "decay_1_int_fed": {"decay": 1, "is_training": fed(True, False, True)},
    "decay_tensor_float64_fed": {"decay": constant(0.8, "float64"), "is_training": fed(True, False, True)},
    "decay_default": {"decay": 0.999},
    "decay_tensor": {"decay": constant(0.8)},
    "decay_tensor_float64": {"decay": constant(0.8, "float64")},
    "decay_fed": {"decay": fed(0.5, 0.8, 0.9, dtype="float32")},
    "center_false": {"center": False},
    "scale_false": {"scale": False},
    "center_and_scale_false": {"center": False, "scale": False},
    "epsilon_1e-5": {"epsilon": 1e-5},
    "epsilon_1e-7": {"epsilon": 1e-7},
    "epsilon_0.1": {"epsilon": 0.1},
    "activation": {"activation_fn": RELU},
    "regularizers": {"param_regularizers": {"beta": l2(0.25), "gamma": l2(0.5)}},
    "variables_list": {"variables_collections": ["mine", "also_mine"]},
    "variables_dict": {"variables_collections": {"beta": ["b"], "gamma": ["g"], "moving_mean": ["m"]}},
    "variables_trainable": {"variables_collections": [{"$": "key", "value": "TRAINABLE_VARIABLES"}]},
    "variables_string": {"variables_collections": "abc"},
    "outputs": {"outputs_collections": "my_outputs", "activation_fn": RELU},
    "outputs_list": {"outputs_collections": ["one", "two"], "scope": "o/i"},
    "trainable_false": {"trainable": False},
    "trainable_false_fed": {"trainable": False, "is_training": fed(True, False, True, False)},
    "scope": {"scope": "my_scope"},
    "scope_nested": {"scope": "o/i"},
    "scope_object": {"scope": scope("held/inner")},
    "scope_auto_reuse": {"scope": "s", "reuse": AUTO_REUSE},
}


def cases() -> list[Case]:
    found = []
    for path, (shape, given) in PATHS.items():
        if path not in ("function_collection", "core_fused", "core_nonfused", "core_renorm", "legacy_weights"):
            continue
        for name, arguments in EVERY_PATH.items():
            if path == "core_nonfused" and not name.startswith(("decay", "center", "epsilon")):
                continue  # it shares everything but the arithmetic with core_fused
            merged = {**LIVELY, **given, **arguments}
            found.append(make(f"{name}/{path}", shape=shape, arguments=merged, seed=9, steps=2))
    return found + _single()


def _single() -> list[Case]:
    ways = {
        "initializers/some": {"param_initializers": {"gamma": fill(2.0), "unknown_key": fill(1.0)}, "scale": True},
        "initializers/half": {"param_initializers": {"moving_mean": per_channel(1.0, 1.0)}},
        "updates/update_ops_given": {"updates_collections": UPDATE_OPS},
        "updates/equal_string_fused": {"updates_collections": EQUAL_UPDATE_OPS},
        "updates/equal_string_legacy": {"updates_collections": EQUAL_UPDATE_OPS, "fused": False},
        "updates/name": {"updates_collections": "my_updates"},
        "updates/two_names": {"updates_collections": ["one", "two"]},
        "updates/set": {"updates_collections": {"$": "set", "items": ["one", "two"]}},
        "updates/tuple": {"updates_collections": {"$": "tuple", "items": ["one", "two"]}},
        "updates/list_of_update_ops": {"updates_collections": [UPDATE_OPS]},
        "updates/empty_fused": {"updates_collections": []},
        "updates/empty_legacy": {"updates_collections": [], "fused": False},
        "updates/empty_fed": {"updates_collections": [], "is_training": fed(True, False, True, False)},
        "weights/float64": {"batch_weights": weights(dtype="float64")},
        "weights/int32": {"batch_weights": weights("ones", dtype="int32")},
        "weights/some_zeros": {"batch_weights": weights("some_zeros")},
        "weights/list": {"batch_weights": weights("list")},
        "weights/trained_false": {"batch_weights": weights(), "is_training": False},
        "renorm/plain": {"renorm": True},
        "renorm/empty_clipping": {"renorm": True, "renorm_clipping": {}},
        "renorm/clipping_ignored": {"renorm_clipping": {"rmax": 1.0}},
        "renorm/rmax_only": {"renorm": True, "renorm_clipping": {"rmax": 1.25}},
        "renorm/rmin_only": {"renorm": True, "renorm_clipping": {"rmin": 0.9}},
        "renorm/dmax_only": {"renorm": True, "renorm_clipping": {"dmax": 0.25}},
        "renorm/dmax_0": {"renorm": True, "renorm_clipping": {"dmax": 0.0, "rmax": 1.0, "rmin": 1.0}},
        "renorm/tensors": {
            "renorm": True,
            "renorm_clipping": {"rmax": constant(1.25), "rmin": constant(0.8), "dmax": constant(0.5)},
        },
        "renorm/schedule": {
            "renorm": True,
            "renorm_clipping": {
                "rmax": fed(1.0, 1.5, 3.0, dtype="float32"),
                "rmin": fed(1.0, 0.5, 0.25, dtype="float32"),
                "dmax": fed(0.0, 0.5, 2.0, dtype="float32"),
            },
        },
        "renorm/decay": {"renorm": True, "renorm_decay": 0.5},
        "renorm/decay_0": {"renorm": True, "renorm_decay": 0},
        "renorm/decay_tensor": {"renorm": True, "renorm_decay": constant(0.7)},
        "renorm/trainable_false": {"renorm": True, "trainable": False},
        "renorm/numpy_clipping": {"renorm": True, "renorm_clipping": {"rmax": numpy(1.25, "float32")}},
        "adjustment/example": {"adjustment": adjustment("example")},
        "adjustment/variables_resource": {"adjustment": adjustment("variables")},
        "adjustment/variables_ref": {"adjustment": adjustment("variables")},
        "adjustment/example_fed": {
            "adjustment": adjustment("example"),
            "is_training": fed(True, False, True, False),
        },
        "adjustment/false": {"adjustment": adjustment(), "is_training": False},
        "adjustment/no_parameters": {"adjustment": adjustment(), "scale": False, "center": False},
        "adjustment/renorm_example": {"adjustment": adjustment("example"), "renorm": True},
        "adjustment/nchw": {"adjustment": adjustment(), "data_format": "NCHW"},
        "adjustment/nchw_example": {"adjustment": adjustment("example"), "data_format": "NCHW"},
        "zero_debias/decay_0": {"zero_debias_moving_mean": True, "decay": 0.0},
        "zero_debias/decay_1": {"zero_debias_moving_mean": True, "decay": 1.0},
        "zero_debias/decay_1_int": {"zero_debias_moving_mean": True, "decay": 1, "fused": False},
        "zero_debias/decay_0.5": {"zero_debias_moving_mean": True, "decay": 0.5},
        "zero_debias/scope": {"zero_debias_moving_mean": True, "scope": "o/i"},
        "zero_debias/false": {"zero_debias_moving_mean": True, "is_training": False},
        "zero_debias/collections": {"zero_debias_moving_mean": True, "variables_collections": ["mine"]},
        "zero_debias/fed_legacy": {
            "zero_debias_moving_mean": True,
            "fused": False,
            "is_training": fed(True, False, True, False),
        },
        "zero_debias/fed_fused": {"zero_debias_moving_mean": True, "is_training": fed(True, False, True, False)},
        "zero_debias/decay_tensor": {"zero_debias_moving_mean": True, "decay": constant(0.8)},
        "initializers/none": {"param_initializers": {"beta": None, "moving_mean": None}},
    }
    found = []
    for index, (name, arguments) in enumerate(ways.items()):
        shape = [4, 3, 3, 2] if arguments.get("data_format") == "NCHW" else RANK_4
        resource = name.endswith("_resource") or bool(index % 2 and not name.endswith("_ref"))
        fields = {"resource": resource, "seed": 10, "steps": 3 if "schedule" in name or "fed" in name else 2}
        if name == "initializers/none":
            fields["surroundings"] = {"name": "outer", "initializer": 3.0}
        found.append(make(name, shape=shape, arguments={**LIVELY, **arguments}, **fields))
    for dtype in ("float16", "bfloat16", "float64"):
        for name in ("weights/some_zeros", "adjustment/example", "renorm/plain", "zero_debias/false"):
            arguments = {**LIVELY, **ways[name]}
            if "batch_weights" in arguments:
                arguments["batch_weights"] = weights("some_zeros", dtype)
            found.append(make(f"{name}_{dtype}", shape=RANK_4, dtype=dtype, arguments=arguments, seed=11, steps=2))
    return found

"""Every path with every dtype, layout and rank, known and unknown dimensions, ref and resource variables."""

from __future__ import annotations

from ..case import Case, make
from .encode import LIVELY, PATHS, RANK_4, adjustment, weights


def cases() -> list[Case]:
    found = []
    for path, (shape, arguments) in PATHS.items():
        lively = {**LIVELY, **arguments}
        placed = [shape[0], shape[-1], *shape[1:-1]]
        layout = {**lively, "data_format": "NCHW"}
        open_batch = {"dynamic": [0], "batches": [4, 2, 6, 3], "seed": 4}
        found.append(make(f"{path}/plain", shape=shape, arguments=arguments, seed=1))
        found.append(make(f"{path}/resource", shape=shape, arguments=lively, resource=True, seed=3))
        found.append(make(f"{path}/nchw", shape=placed, arguments=layout, seed=2, second_order=True))
        found.append(make(f"{path}/dynamic_batch", shape=shape, arguments=lively, **open_batch))
        if len(shape) == 4:
            open_space = {**open_batch, "dynamic": [0, 1, 2], "steps": 2}
            found.append(make(f"{path}/dynamic_all", shape=shape, arguments=lively, **open_space))
            open_space["dynamic"] = [0, 2, 3]
            found.append(make(f"{path}/nchw_dynamic", shape=placed, arguments=layout, **open_space))
        for dtype in ("float16", "bfloat16", "float32", "float64"):
            if "batch_weights" in arguments:
                lively = {**lively, "batch_weights": weights(dtype=dtype)}
            fields = {"shape": shape, "dtype": dtype, "arguments": lively, "seed": 2}
            found.append(make(f"{path}/{dtype}", **fields))
            found.append(make(f"{path}/{dtype}_second_order", **fields, second_order=True, steps=1))
    return found + _ranks() + _variants()


def _ranks() -> list[Case]:
    shapes = {1: [6], 2: [5, 3], 3: [4, 3, 2], 4: [3, 2, 2, 2], 5: [3, 2, 2, 2, 2], 6: [3, 2, 1, 2, 2, 2]}
    ways = {
        "default": {},
        "core": {"fused": False},
        "renorm": {"renorm": True},
        "weights": {"batch_weights": weights()},
        "inline": {"updates_collections": None},
    }
    found = []
    for rank, shape in shapes.items():
        for way, arguments in ways.items():
            fields = {"seed": rank, "steps": 2}
            found.append(make(f"rank{rank}/{way}", shape=shape, arguments={**LIVELY, **arguments}, **fields))
            if rank in (2, 3, 5) and way != "core":
                placed = [shape[0], shape[-1], *shape[1:-1]]
                layout = {**LIVELY, **arguments, "data_format": "NCHW"}
                found.append(make(f"rank{rank}/{way}_nchw", shape=placed, arguments=layout, **fields))
    nowhere = {"arguments": {**LIVELY, "data_format": "NCHW"}, "phrase": "undefined channels"}
    found.append(make("rank1/default_nchw", shape=[6], **nowhere))
    return found


def _variants() -> list[Case]:
    """Combinations that the dispatch table tells apart and the paths above do not have."""
    adjusted = {**LIVELY, "adjustment": adjustment()}
    ways = {
        "adjustment_core": adjusted,
        "adjustment_fused_true": {**adjusted, "fused": True},
        "adjustment_renorm": {**adjusted, "renorm": True},
        "adjustment_rank2": adjusted,
        "adjustment_ignored_collection": {**adjusted, "updates_collections": ["my_updates"]},
        "adjustment_ignored_weights": {**adjusted, "batch_weights": weights()},
        "adjustment_ignored_zero_debias": {**adjusted, "zero_debias_moving_mean": True},
        "zero_debias_fused": {**LIVELY, "zero_debias_moving_mean": True},
        "zero_debias_legacy": {**LIVELY, "zero_debias_moving_mean": True, "fused": False},
        "zero_debias_weights": {**LIVELY, "zero_debias_moving_mean": True, "batch_weights": weights()},
        "zero_debias_inline": {**LIVELY, "zero_debias_moving_mean": True, "updates_collections": None},
        "zero_debias_rank3": {**LIVELY, "zero_debias_moving_mean": True},
        "weights_fused_true": {**LIVELY, "batch_weights": weights(), "fused": True},
        "weights_collection": {**LIVELY, "batch_weights": weights(), "updates_collections": ["my_updates"]},
        "weights_inline": {**LIVELY, "batch_weights": weights(), "updates_collections": None},
        "fused_true_rank2": {**LIVELY, "fused": True},
        "fused_false_rank2": {**LIVELY, "fused": False},
        "fused_true_rank4": {**LIVELY, "fused": True},
        "fused_true_rank3": {**LIVELY, "fused": True},
        "renorm_fused_true": {**LIVELY, "renorm": True, "fused": True},
        "renorm_rank2": {**LIVELY, "renorm": True},
    }
    found = []
    for index, (name, arguments) in enumerate(ways.items()):
        shape = [5, 3] if name.endswith("rank2") else [4, 3, 2] if name.endswith("rank3") else RANK_4
        fields = {"resource": bool(index % 2), "seed": 6, "steps": 2, "second_order": True}
        found.append(make(f"dispatch/{name}", shape=shape, arguments=arguments, **fields))
    return found

"""Batches at the edge: of one, of none, without spread, with weights that are all zero; arrays as inputs."""

from __future__ import annotations

from ..case import Case, make
from .encode import LIVELY, PATHS, weights

EDGES = ("function_rank2", "function_inline", "core_fused", "core_nonfused", "core_renorm", "legacy_collection")


def cases() -> list[Case]:
    found = []
    for path in (*EDGES, "legacy_weights"):
        shape, given = PATHS[path]
        arguments = {**LIVELY, **given}
        one = [1, *[1 for _ in shape[1:-1]], shape[-1]]
        found.append(make(f"batch_of_one/{path}", shape=one, arguments=arguments, seed=19))
        found.append(make(f"no_spread/{path}", shape=shape, arguments=arguments, seed=19, spread=False))
        empty = {"dynamic": [0], "batches": [4, 0, 4, 4]}
        found.append(make(f"empty_batch/{path}", shape=shape, arguments=arguments, seed=19, **empty))
        found.append(make(f"array_inputs/{path}", shape=shape, arguments=arguments, seed=19, form="numpy", steps=1))
    for dtype in ("float16", "bfloat16"):
        found.append(make(f"batch_of_one/{dtype}_rank2", shape=[1, 3], dtype=dtype, arguments=LIVELY, seed=19))
        found.append(make(f"batch_of_one/{dtype}_rank4", shape=[1, 1, 1, 3], dtype=dtype, arguments=LIVELY, seed=19))
    none = {**LIVELY, "batch_weights": weights("zeros")}
    found.append(make("weights/zeros", arguments=none, seed=19))
    found.append(make("weights/zeros_inline", arguments={**none, "updates_collections": None}, seed=19))
    return found

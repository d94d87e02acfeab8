"""Which row of the original's dispatch table a case takes, and which kind of is_training it has."""

from __future__ import annotations

import functools

from . import case as cases
from . import functions

CORE_ROWS = ("core-fused", "core-nonfused", "core-renorm")
ROWS = ("function-fused", "core-fused", "core-nonfused", "core-renorm", "refused", "legacy")
STATISTICS = ("one axis", "several axes", "virtual batches")
KINDS = ("bool", "int", "numpy", "constant", "placeholder", "variable")


def _is_update_ops(value) -> bool:
    return isinstance(value, dict) and value.get("$") == "update_ops"


def row(case: cases.Case) -> str:
    """The row of the table in the reference page, with the core row split by its variants."""
    if functions.is_layer(case):
        return "layer"
    if not functions.contrib(case):
        return _layers_row(case)
    get = functools.partial(cases.argument, case)
    rank = len(cases.get(case, "shape"))
    default_updates = _is_update_ops(get("updates_collections", {"$": "update_ops"}))
    weighted, renorm = get("batch_weights") is not None, bool(get("renorm", False))
    adjusted, zero_debias = get("adjustment") is not None, bool(get("zero_debias_moving_mean", False))
    fused = get("fused") is None or bool(get("fused"))
    possible = not weighted and not renorm and rank in (2, 4) and not adjusted
    if cases.get(case, "unknown_rank"):
        rank, possible = None, False
    if fused and possible and (zero_debias or rank == 2 or not default_updates):
        return "function-fused"
    if not weighted and default_updates and not zero_debias:
        if renorm:
            return "core-renorm"
        return "core-fused" if fused and rank == 4 and not adjusted else "core-nonfused"
    return "refused" if renorm else "legacy"


def _layers_row(case: cases.Case) -> str:
    """tf.layers takes the core row whatever its arguments; the fused variant for one axis of rank 4, 1 or 3."""
    if cases.argument(case, "renorm"):
        return "core-renorm"
    excluded = cases.argument(case, "adjustment") is not None or functions.virtual_batch_size(case) is not None
    fused = cases.argument(case, "fused") is None or bool(cases.argument(case, "fused"))
    placed = len(cases.get(case, "shape")) == 4 and functions.channel_axes(case) in ((1,), (3,))
    return "core-fused" if fused and placed and not excluded else "core-nonfused"


def statistics(case: cases.Case) -> str:
    """What has statistics of its own: one of STATISTICS."""
    if functions.virtual_batch_size(case) is not None:
        return "virtual batches"
    return "one axis" if len(functions.channel_axes(case)) == 1 else "several axes"


def training_kind(case: cases.Case) -> str:
    """The kind of is_training: one of KINDS, or "other" for what is none of them."""
    value = functions.is_training(case)
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    if isinstance(value, dict):
        return {"numpy": "numpy", "constant": "constant", "fed": "placeholder", "variable": "variable"}.get(
            value["$"], "other"
        )
    return "other"

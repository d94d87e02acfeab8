"""The size of a layer's graph, next to that of the original's."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import measure, nodes, report
from benchmarks.measure import Settings

# What the guard against empty batches may cost where variables are resources.
GUARD = {"ref": 0, "resource": 2, "v2": 2}
PARTS = ("forward", "with gradients")


def table(settings: Settings, progress: Callable[[str], None]) -> report.Table:
    names = [name for name in settings.paths or nodes.PATHS if name in nodes.PATHS]
    python = measure.reference()
    rows = []
    theirs: dict[str, Any] = {}
    for regime in nodes.REGIMES[: 2 if settings.quick else 3]:
        progress(f"{regime}, tfbn")
        own = counted(regime, names)
        # The original has no v2 behaviour; what it is held against there is its graph with resource variables.
        of_the_original = "ref" if regime == "ref" else "resource"
        if python and of_the_original not in theirs:
            progress(f"{regime}, the original")
            theirs[of_the_original] = counted(of_the_original, names, python)
        rows += regime_rows(regime, own, theirs.get(of_the_original))
    title = "nodes of a layer's graph, function bodies included, and what the original takes"
    notes = [
        "ref, resource: the kind of variables, v2 behaviour off; v2: TensorFlow 2's defaults, against resource",
        "static, dynamic: whether the size of the batch is known",
    ]
    return report.Table("graph", title, "nodes", rows, [*notes, *([] if python else [measure.NO_REFERENCE])])


def regime_rows(regime: str, own: dict[str, Any], theirs: dict[str, Any] | None) -> list[report.Row]:
    rows = []
    for name, by_batch in own.items():
        for batch, counts in by_batch.items():
            original = theirs[name][batch] if theirs else (None, None)
            for part, ours, other in zip(PARTS, counts, original):
                limit = None if other is None else other + GUARD[regime]
                row = report.Row(f"{regime}: {name}, {batch}, {part}", ours, limit, details={"original": other})
                rows.append(row)
    return rows


def counted(regime: str, names: Sequence[str], python: Path | None = None) -> dict[str, Any]:
    python_of = {"python": python} if python else {}
    return json.loads(measure.child("nodes", regime, *names, **python_of).splitlines()[-1])

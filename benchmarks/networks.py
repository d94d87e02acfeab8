"""Whole networks on `tfbn.layers`, as ratios to the same networks on the original and on ops by hand.

Each side runs in a process of its own, with v2 behaviour off.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
from collections.abc import Callable
from typing import Any

from benchmarks import measure, peers, report, times
from benchmarks.measure import Settings

NETWORKS = ("resnet50", "mobilenet_v2", "dcgan")
QUICK = ("dcgan",)
MODES = ("training", "placeholder", "inference")
FIGURES = ("step", "building", "nodes", "peak")
# Building with gradients, to the original's time.
LIMIT = 0.6


def table(settings: Settings, progress: Callable[[str], None]) -> report.Table:
    python = measure.reference()
    sides: dict[str, dict[str, Any]] = {"by hand": {}}
    if python and not settings.quick:
        sides["1.15.5"] = {"python": python}
    rows = []
    for network in settings.networks or (QUICK if settings.quick else NETWORKS):
        image = settings.network_image or importlib.import_module(f"benchmarks.models.{network}").IMAGE
        size = str(settings.network_batch), str(image)
        for side, python_of in sides.items():
            progress(f"{network}, {side}")
            rows += compared(network, side, size, python_of, settings.rounds_or(20, 3))
    title = "networks on tfbn.layers, to the same on ops by hand and on the original, v2 behaviour off"
    notes = [times.QUARTILES, "peak: of the resident memory in the first step; placeholder: is_training, in training"]
    return report.Table("networks", title, "ratio", rows, [*notes, *([] if python else [measure.NO_REFERENCE])])


def compared(
    network: str, side: str, size: tuple[str, ...], python_of: dict[str, Any], rounds: int
) -> list[report.Row]:
    other = "original" if python_of else side
    with contextlib.ExitStack() as stack:
        start = functools.partial(peers.started, module="models.run")
        own, _, run = stack.enter_context(start("tfbn", network, *size, *MODES))
        theirs, _, run_other = stack.enter_context(start(other, network, *size, *MODES, **python_of))
        if any(own[f"{mode} parameters"] != theirs[f"{mode} parameters"] for mode in MODES):
            raise RuntimeError(f"{network}: the network on tfbn and that on {other} are not the same.")
        groups = {
            mode: {"path": functools.partial(run, mode), "baseline": functools.partial(run_other, mode)}
            for mode in MODES
        }
        found = measure.interleave(groups, rounds)
    rows = []
    for mode in MODES:
        name = f"{network}, {mode}"
        ratio = measure.ratio(found[mode]["path"], found[mode]["baseline"])
        rows.append(times.ratio_row(f"{name}: step to {side}", ratio))
        for what in FIGURES[1:]:
            mine, others = (figures[f"{mode} {what}"] for figures in (own, theirs))
            limit = LIMIT if (what, mode, other) == ("building", "placeholder", "original") else None
            rows.append(report.Row(f"{name}: {what} to {side}", mine / max(others, 1e-9), limit))
    return rows

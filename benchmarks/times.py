"""The time of a layer's step, as a ratio to that of TensorFlow's own op, in each of the regimes that programs run in.

A regime is for a whole process: `python -m benchmarks.times REGIME ROUNDS SHAPE [PATH ...]` prints JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence

from benchmarks import measure, nodes, report, steps
from benchmarks.measure import Settings

REGIMES = nodes.REGIMES
QUICK = (
    "default",
    "inline updates",
    "is_training placeholder",
    "placeholder, renorm",
    "placeholder, inference",
    "conv2d",
)
QUARTILES = "low and high are the quartiles of the rounds' ratios"


def table(settings: Settings, progress: Callable[[str], None]) -> report.Table:
    names = settings.paths or (QUICK if settings.quick else tuple(steps.PATHS))
    rounds, shape = settings.rounds_or(40, 4), json.dumps(settings.shape)
    rows = []
    for regime in REGIMES:
        progress(regime)
        printed = measure.child("times", regime, str(rounds), shape, *names)
        rows += regime_rows(regime, json.loads(printed.splitlines()[-1]))
    title = f"one training step (or inference) of one layer, NHWC {list(settings.shape)}, to that of the ops by hand"
    note = "ref, resource: the kind of variables, v2 behaviour off; v2: TensorFlow 2's defaults"
    return report.Table("time", title, "ratio", rows, [QUARTILES, note])


def regime_rows(regime: str, found: dict[str, dict[str, list[float]] | str]) -> list[report.Row]:
    rows = []
    for name, both in found.items():
        path, row = steps.PATHS[name], f"{regime}: {name}"
        if isinstance(both, str):
            rows.append(report.Row(row, None, path.limit, path.aim, note=both))
        else:
            ratio = measure.ratio(both["path"], both["baseline"])
            rows.append(ratio_row(row, ratio, path.limit, path.aim, against=path.baseline.name))
    return rows


def measured(names: Sequence[str], shape: tuple[int, ...], rounds: int) -> dict[str, dict[str, list[float]] | str]:
    """Seconds by path and side; what a path failed with where it does not run."""
    baselines: dict[str, Callable[[], float]] = {}
    groups, failures = {}, {}
    for name in names:
        path = steps.PATHS[name]
        try:
            baseline = path.baseline
            if baseline.name not in baselines:
                baselines[baseline.name] = timed_step(baseline, shape, own=False)
            run = timed_step(path, shape)
            run()
        except Exception as error:  # whatever keeps one path from running is no reason to lose the others
            failures[name] = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:150]}"
        else:
            groups[name] = {"baseline": baselines[baseline.name], "path": run}
    found = measure.interleave(groups, rounds)
    return {name: failures.get(name) or found[name] for name in names}


def timed_step(path: steps.Path, shape: tuple[int, ...], own: bool = True) -> Callable[[], float]:
    step = steps.build(path, shape, own)
    return measure.timed(step.run, step.tidy)


def ratio_row(
    name: str, ratio: measure.Ratio, limit: float | None = None, aim: float | None = None, **details: str | float
) -> report.Row:
    details = {
        "low": ratio.low,
        "high": ratio.high,
        "ms": ratio.seconds * 1e3,
        "baseline ms": ratio.baseline_seconds * 1e3,
        **details,
    }
    return report.Row(name, ratio.median, limit, aim, details)


if __name__ == "__main__":
    nodes.enter(sys.argv[1])
    print(json.dumps(measured(sys.argv[4:], tuple(json.loads(sys.argv[3])), int(sys.argv[2]))))

"""The time of a layer's step, as a ratio to that of TensorFlow's own op."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import measure, report, steps
from benchmarks.measure import Settings

QUARTILES = "low and high are the quartiles of the rounds' ratios"


def table(settings: Settings, progress: Callable[[str], None]) -> report.Table:
    paths = [steps.PATHS[name] for name in settings.paths or steps.PATHS]
    baselines: dict[steps.Path, Callable[[], float]] = {}
    groups, failures = {}, {}
    for path in paths:
        progress(f"building {path.name}")
        try:
            key = path.baseline.name
            if key not in baselines:
                baselines[key] = timed_step(path.baseline, settings.shape, own=False)
            run = timed_step(path, settings.shape)
            run()
        except Exception as error:  # whatever keeps one path from running is no reason to lose the others
            failures[path.name] = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:150]}"
        else:
            groups[path.name] = {"baseline": baselines[key], "path": run}
    progress("running")
    found = measure.interleave(groups, settings.rounds_or(40, 4))
    rows = []
    for path in paths:
        if path.name in failures:
            rows.append(report.Row(path.name, None, path.limit, path.aim, note=failures[path.name]))
            continue
        ratio = measure.ratio(found[path.name]["path"], found[path.name]["baseline"])
        rows.append(ratio_row(path.name, ratio, path.limit, path.aim, against=path.baseline.name))
    shape = list(settings.shape)
    title = f"one training step (or inference) of one layer, NHWC {shape}, to that of FusedBatchNormV3 on the same data"
    return report.Table("time", title, "ratio", rows, [QUARTILES])


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

"""The module in a tf.function: next to the op in one, and next to Keras's layer, each pair in a process of its own."""

from __future__ import annotations

import functools
import importlib.util
import json
from collections.abc import Callable

from benchmarks import measure, peers, report, times, worker
from benchmarks.measure import Settings

# Ratios to the op's own step in a tf.function, and the aim with renorm as in the graph.
TO_THE_OP = {
    "default": 1.05,
    "inference": 1.05,
    "renorm": 1.35,
    "tensor is_training": 1.05,
    "tensor is_training, inference": 1.05,
    "tensor is_training, renorm": 1.35,
}
# Ratios to the layer's step: the module is to be 4.5 times as fast, and 3.5 times with renorm.
TO_KERAS = {"default": 1 / 4.5, "renorm": 1 / 3.5}


def table(settings: Settings, progress: Callable[[str], None]) -> report.Table:
    notes = [times.QUARTILES]
    progress("the op")
    rows = compared("functions", settings, TO_THE_OP, "to the op", of_the_op)
    if importlib.util.find_spec("keras") is None:
        notes.append("Keras is not installed")
    else:
        progress("Keras")
        try:
            rows += compared("keras", settings, TO_KERAS, "to Keras", lambda path: path)
        except (RuntimeError, OSError) as error:
            notes.append(f"Keras did not run: {str(error).strip()[-300:]}")
    title = f"one step of BatchNorm in a tf.function, NHWC {list(settings.shape)}, to another's in one"
    return report.Table("module", title, "ratio", rows, notes)


def of_the_op(path: str) -> str:
    return worker.THE_OP_IN_A_FUNCTION + (" (inference)" if path.endswith("inference") else "")


def after_one_more(ask: Callable[[str], float], name: str) -> float:
    """The seconds of a step that follows one of its own kind, as in training: others leave other memory behind."""
    ask(name)
    return ask(name)


def compared(
    library: str, settings: Settings, limits: dict[str, float], to: str, baseline: Callable[[str], str]
) -> list[report.Row]:
    with peers.started(library, json.dumps(settings.shape)) as (version, names, ask):
        groups = {
            path: {
                "baseline": functools.partial(after_one_more, ask, baseline(path)),
                "path": functools.partial(after_one_more, ask, worker.MODULE + path),
            }
            for path in limits
            if baseline(path) in names
        }
        found = measure.interleave(groups, settings.rounds_or(40, 4), warm_up=3)
    title = to if library == "functions" else f"{to} {version}"
    return [
        times.ratio_row(f"{path} {title}", measure.ratio(both["path"], both["baseline"]), limits[path])
        for path, both in found.items()
    ]

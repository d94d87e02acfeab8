"""The time to build a graph of many layers, next to layers written by hand; each kind of variables in a process."""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from benchmarks import measure, nodes, report, steps, times
from benchmarks.measure import Settings

v1 = tf.compat.v1

LIMIT = 1.25
REGIMES = ("ref", "v2")
PARTS = ("forward", "with gradients")


def table(settings: Settings, progress: Callable[[str], None]) -> report.Table:
    names = [name for name in settings.paths or nodes.PATHS if name in nodes.PATHS]
    layers = settings.built_layers or (6 if settings.quick else 50)
    rows = []
    for regime in REGIMES[-1:] if settings.quick else REGIMES:
        progress(f"{regime}, {layers} layers")
        printed = measure.child("build", regime, str(layers), str(settings.rounds_or(7, 3)), *names)
        for name, by_part in json.loads(printed.splitlines()[-1]).items():
            for part, both in by_part.items():
                ratio = measure.ratio(both["path"], both["baseline"])
                rows.append(times.ratio_row(f"{regime}: {name}, {part}", ratio, LIMIT))
    title = f"building {layers} layers in a row, to as many written by hand (plain batch normalization for every row)"
    note = "ref: ref variables, v2 behaviour off; v2: TensorFlow 2's defaults, resource variables"
    return report.Table("build", title, "ratio", rows, [times.QUARTILES, note])


def measured(names: list[str], layers: int, rounds: int) -> dict[str, dict[str, dict[str, list[float]]]]:
    """Seconds by path, part and side."""
    found = {name: {part: {"baseline": [], "path": []} for part in PARTS} for name in names}
    for number in range(-1, rounds):
        for name in names:
            for side in ("baseline", "path")[:: 1 if number % 2 else -1]:
                seconds = build(name if side == "path" else None, layers)
                if number >= 0:
                    for part, value in zip(PARTS, seconds):
                        found[name][part][side].append(value)
    return found


def build(name: str | None, layers: int) -> tuple[float, float]:
    """Seconds until the layers are there, and until their gradients are; by hand where `name` is None."""
    gc.collect()
    gc.disable()
    try:
        with tf.Graph().as_default():
            values: Any = v1.placeholder(tf.float32, [None, 8, 8, 4])
            inputs, updates = values, []
            arguments = nodes.arguments(name) if name else {}
            start = time.perf_counter()
            for index in range(layers):
                if name is None:
                    values, more = steps.by_hand(values, f"layer{index}")
                    updates += more
                else:
                    values = steps.batch_norm()(values, **arguments)
            forward = time.perf_counter() - start
            v1.gradients(values, [inputs, *v1.trainable_variables()])
            return forward, time.perf_counter() - start
    finally:
        gc.enable()


if __name__ == "__main__":
    nodes.enter(sys.argv[1])
    print(json.dumps(measured(sys.argv[4:], int(sys.argv[2]), int(sys.argv[3]))))

"""The time to build a graph of many layers, next to layers written by hand; each kind of variables in a process."""

from __future__ import annotations

import functools
import gc
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from benchmarks import hand_written, measure, nodes, report, steps, times
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
                ratio = measure.ratio(both["tfbn"], both["by hand"])
                plain = measure.ratio(both["tfbn"], both["plain"]).median
                row = f"{regime}: {name}, {part}"
                rows.append(times.ratio_row(row, ratio, LIMIT, **{"to plain": plain}))
    title = f"building {layers} layers in a row, to as many written by hand that do the same"
    plain = "to plain: the ratio to plain layers by hand: four variables, the fused op, two assignments"
    note = "ref: ref variables, v2 behaviour off; v2: TensorFlow 2's defaults, resource variables"
    return report.Table("build", title, "ratio", rows, [times.QUARTILES, plain, note])


def measured(names: list[str], layers: int, rounds: int) -> dict[str, dict[str, dict[str, list[float]]]]:
    """Seconds by path, part and side."""
    makers = {name: {"tfbn": own(name), "by hand": by_hand(name), "plain": by_hand("default")} for name in names}
    found = {name: {part: {side: [] for side in makers[name]} for part in PARTS} for name in names}
    for number in range(-1, rounds):
        for name, sides in makers.items():
            for side in list(sides)[:: 1 if number % 2 else -1]:
                seconds = build(sides[side], layers)
                if number >= 0:
                    for part, value in zip(PARTS, seconds):
                        found[name][part][side].append(value)
    return found


def own(name: str) -> Callable:
    def start() -> Callable:
        arguments = nodes.arguments(name)
        return lambda values, scope: (steps.batch_norm()(values, scope=scope, **arguments), [])

    return start


def by_hand(name: str) -> Callable:
    def start() -> Callable:
        tensors = {argument: make(None) for argument, make in steps.PATHS[name].tensors.items()}
        return functools.partial(hand_written.LAYERS[name], **tensors)

    return start


def build(start: Callable, layers: int) -> tuple[float, float]:
    """Seconds until the layers are there, and until their gradients are; `start()` is what makes one of them."""
    gc.collect()
    gc.disable()
    try:
        with tf.Graph().as_default():
            values: Any = v1.placeholder(tf.float32, [None, 8, 8, 4])
            inputs, updates = values, []
            layer = start()
            began = time.perf_counter()
            for index in range(layers):
                values, more = layer(values, f"layer{index}")
                updates += more
            forward = time.perf_counter() - began
            v1.gradients(values, [inputs, *v1.trainable_variables()])
            return forward, time.perf_counter() - began
    finally:
        gc.enable()


if __name__ == "__main__":
    nodes.enter(sys.argv[1])
    print(json.dumps(measured(sys.argv[4:], int(sys.argv[2]), int(sys.argv[3]))))

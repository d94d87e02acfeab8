"""How the time of building, auditing and exporting a graph grows with its layers: as many times as there are more."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from benchmarks import report
from benchmarks.measure import Settings

v1 = tf.compat.v1

# Of linear growth. Python's collector of garbage looks at more objects in a larger graph, each time that it looks.
LIMIT = 1.5
STAGES = ("building", "list_layers", "check_updates", "export")
SIZES, QUICK_SIZES = (125, 250, 500), (25, 50, 100)


def table(settings: Settings, progress: Callable[[str], None]) -> report.Table:
    smallest = settings.built_layers
    sizes = (smallest, 2 * smallest, 4 * smallest) if smallest else QUICK_SIZES if settings.quick else SIZES
    seconds: dict[int, dict[str, float]] = {}
    measured(sizes[0])  # what is loaded and traced at the first use
    for size in sizes:
        progress(f"{size} layers")
        rounds = [measured(size) for _ in range(settings.rounds_or(2, 1))]
        seconds[size] = {stage: min(each[stage] for each in rounds) for stage in STAGES}
    growth = sizes[-1] / sizes[0]
    rows = [
        report.Row(
            stage,
            seconds[sizes[-1]][stage] / seconds[sizes[0]][stage] / growth,
            LIMIT,
            details={f"s, {size} layers": seconds[size][stage] for size in sizes},
        )
        for stage in STAGES
    ]
    title = f"time for {sizes[-1]} layers in a row to that for {sizes[0]}, by the growth that is linear, {growth:g}"
    note = "layers that a placeholder takes into training; export from a session, the best of the rounds each"
    return report.Table("scaling", title, "ratio", rows, [note])


def measured(layers: int) -> dict[str, float]:
    """Seconds by stage."""
    import tfbn

    gc.collect()
    with tf.Graph().as_default(), v1.Session() as session:
        began = time.perf_counter()
        values: Any = v1.placeholder(tf.float32, [None, 8], name="inputs")
        is_training = v1.placeholder(tf.bool, [], name="is_training")
        for index in range(layers):
            values = tfbn.batch_norm(values, is_training=is_training, scope=f"layer{index}")
        step = tf.group(values.op, *v1.get_collection(v1.GraphKeys.UPDATE_OPS))
        built = time.perf_counter()
        assert len(tfbn.list_layers()) == layers
        listed = time.perf_counter()
        assert tfbn.check_updates(step) == []
        checked = time.perf_counter()
        session.run(v1.global_variables_initializer())
        initialized = time.perf_counter()
        exported = tfbn.export.inference_graph(session, values)
        assert len(exported.report.layers) == layers
        ended = time.perf_counter()
    return dict(zip(STAGES, (built - began, listed - built, checked - listed, ended - initialized)))

"""How the time of building, auditing, exporting and folding grows with layers: as many times as there are more."""

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
STAGES = ("building", "list_layers", "check_updates", "check_saver", "export", "fold")
SIZES, QUICK_SIZES = (500, 1000, 2000), (25, 50, 100)


def table(settings: Settings, progress: Callable[[str], None]) -> report.Table:
    smallest = settings.built_layers
    sizes = (smallest, 2 * smallest, 4 * smallest) if smallest else QUICK_SIZES if settings.quick else SIZES
    seconds: dict[int, dict[str, float]] = {}
    measured(2)  # what is loaded and traced at the first use
    for size in sizes:
        progress(f"{size} layers")
        rounds = [measured(size) for _ in range(settings.rounds_or(1, 1))]
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
    title = f"processor time for {sizes[-1]} layers to that for {sizes[0]}, by the growth that is linear, {growth:g}"
    note = (
        "dense layers with batch norms that a placeholder takes into training; export from a session, fold without a "
        "comparison, the best of the rounds each"
    )
    return report.Table("scaling", title, "ratio", rows, [note])


def measured(layers: int) -> dict[str, float]:
    """Seconds by stage."""
    import tfbn

    gc.collect()
    seconds: dict[str, float] = {}

    def timed(stage: str, call: Callable[[], Any]) -> Any:
        began = time.process_time()
        result = call()
        seconds[stage] = time.process_time() - began
        return result

    with tf.Graph().as_default(), v1.Session() as session:
        outputs = timed("building", lambda: _build(layers))
        step = tf.group(outputs.op, *v1.get_collection(v1.GraphKeys.UPDATE_OPS))
        assert len(timed("list_layers", tfbn.list_layers)) == layers
        assert timed("check_updates", lambda: tfbn.check_updates(step)) == []
        saver = v1.train.Saver()
        assert timed("check_saver", lambda: tfbn.check_saver(saver)) == []
        session.run(v1.global_variables_initializer())
        exported = timed("export", lambda: tfbn.export.inference_graph(session, outputs))
        assert len(exported.report.layers) == layers
        folded = timed("fold", lambda: tfbn.fold.fold_graph(exported.graph_def, exported.outputs, verify=False))
        assert len(folded.folded) == layers
    return seconds


def _build(layers: int) -> tf.Tensor:
    import tfbn

    values: Any = v1.placeholder(tf.float32, [None, 8], name="inputs")
    is_training = v1.placeholder(tf.bool, [], name="is_training")
    for index in range(layers):
        values = tf.matmul(values, v1.get_variable(f"kernel{index}", [8, 8]))
        values = tfbn.batch_norm(values, is_training=is_training, scope=f"layer{index}")
    return values

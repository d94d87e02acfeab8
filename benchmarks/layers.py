"""Many small layers: there it is not the arithmetic that costs but what each operation costs by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from benchmarks import hand_written, measure, report, steps, times
from benchmarks.measure import Settings

v1 = tf.compat.v1

# Height, width and channels of the normalizations in a block of ResNet-50's fourth stage and in one of its fifth, for
# images of 224 x 224 pixels. The network has 53 normalizations in all; here all 53 are of these sizes, in turn.
SIZES = ((14, 14, 256), (14, 14, 256), (14, 14, 1024), (7, 7, 512), (7, 7, 512), (7, 7, 2048))
RESIDENT = "resident"
LIMITS = {"inference": 1.15, "training": 1.25}


def table(settings: Settings, progress: Callable[[str], None]) -> report.Table:
    groups = {}
    for batch in settings.batches:
        for mode in LIMITS:
            name = f"{mode}, batch {batch}"
            progress(f"building {name}")
            groups[name] = {
                side: measure.timed(*build(batch, mode == "training", side == "path", settings.small_layers))
                for side in ("baseline", "path")
            }
    progress("running")
    found = measure.interleave(groups, settings.rounds_or(60, 6), warm_up=3)
    rows = [
        times.ratio_row(name, measure.ratio(both["path"], both["baseline"]), LIMITS[name.partition(",")[0]])
        for name, both in found.items()
    ]
    title = f"{settings.small_layers} layers of the sizes in ResNet-50's late stages, one after the other, to the op's"
    return report.Table("small", title, "ratio", rows, [times.QUARTILES])


def build(batch: int, training: bool, own: bool, count: int = 53) -> tuple[Callable, Callable]:
    """A function that runs all layers, forwards in their order and backwards against it, and fetches all results; and
    one that has them freed, as steps.Step.tidy.
    """
    graph = tf.Graph()
    with graph.as_default():
        session = steps.open_session(graph)
        made, updates, fetches = [], [], []
        for index in range(count):
            shape = (batch, *SIZES[index % len(SIZES)])
            variable = resident(f"inputs{index}", shape, 3.0)
            # Layers of a network wait for each other; left to themselves, these would not.
            with tf.control_dependencies(fetches[-1:]):
                inputs = variable.read_value()
            scope = f"layer{index}"
            if own:
                outputs = steps.batch_norm()(inputs, scale=True, is_training=training, scope=scope)
            else:
                outputs, more = hand_written.plain(inputs, scope, training)
                updates += more
            made.append((inputs, outputs, shape))
            fetches.append(outputs)
        if training and own:
            updates = v1.get_collection(v1.GraphKeys.UPDATE_OPS)
        if training:
            for index in reversed(range(count)):
                inputs, outputs, shape = made[index]
                variable = resident(f"upstream{index}", shape, 0.0)
                with tf.control_dependencies(fetches[-1:]):
                    upstream = variable.read_value()
                variables = {v.op.name.rpartition("/")[2]: v for v in v1.trainable_variables(scope=f"layer{index}/")}
                found = v1.gradients(outputs, [variables["gamma"], variables["beta"], inputs], [upstream])
                fetches += found
        nothing = tf.no_op()
        session.run(v1.variables_initializer(v1.get_collection(RESIDENT)))
        layers = [v1.global_variables(scope=f"layer{index}/") for index in range(count)]
        steps.initialize(session, [{v.op.name.rpartition("/")[2]: v for v in variables} for variables in layers])
        run = session.make_callable([*fetches, *[getattr(u, "op", u) for u in updates]])
        return run, session.make_callable(nothing)


def resident(name: str, shape: tuple[int, ...], mean: float) -> Any:
    numbers = v1.random_normal_initializer(mean, 1.7, seed=1)
    return v1.get_variable(name, shape, tf.float32, numbers, trainable=False, collections=[RESIDENT])

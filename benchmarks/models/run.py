"""One network in a process of its own: `python -m benchmarks.models.run SIDE NETWORK BATCH IMAGE MODES`.

SIDE is "tfbn", "original" or "by hand", a mode "training", "placeholder" or "inference". Serves steps as the worker
does; in place of a library's version stand the figures that one run of them gives.
"""

from __future__ import annotations

import functools
import importlib
import sys
import time
from typing import Any, Callable

import tensorflow as tf

from benchmarks import memory, steps, worker

v1 = tf.compat.v1

RATE = 1e-3


def modules(side: str) -> tuple[Any, Any]:
    """The module of the layers, and batch_norm."""
    if side == "original":
        from tensorflow.contrib import layers
    elif side == "tfbn":
        from tfbn import layers
    else:
        from benchmarks.models import by_hand as layers
    return layers, layers.batch_norm if side == "by hand" else steps.batch_norm()


def build(side: str, network: str, batch: int, image: int, mode: str) -> tuple[Callable, dict[str, float]]:
    """A function that runs a step in one of the modes; seconds of building, nodes and parameters."""
    losses = importlib.import_module("benchmarks.models." + network).losses
    layers, batch_norm = modules(side)
    with tf.Graph().as_default() as graph:
        v1.set_random_seed(1)
        images = steps.resident("images", (batch, image, image, 3), tf.float32, 1).read_value()
        start = time.perf_counter()
        is_training = v1.placeholder(tf.bool, []) if mode == "placeholder" else mode == "training"
        feeds = [is_training] if mode == "placeholder" else []
        fetches = losses(layers, batch_norm, images, is_training)
        if mode != "inference":
            with tf.control_dependencies(v1.get_collection(v1.GraphKeys.UPDATE_OPS)):
                fetches = [tf.identity(loss) for loss in fetches]
            optimizer = v1.train.GradientDescentOptimizer(RATE)
            fetches += [optimizer.minimize(loss, var_list=trained(number)) for number, loss in enumerate(fetches)]
        figures = {"building": time.perf_counter() - start, "nodes": len(graph.get_operations())}
        figures["parameters"] = sum(v.shape.num_elements() for v in v1.trainable_variables())
        session = steps.open_session(graph)
        session.run(v1.global_variables_initializer())
        return functools.partial(session.make_callable(fetches, feeds), *[True] * len(feeds)), figures


def trained(number: int) -> Any:
    """The variables that a loss trains: of a GAN's two losses each has its own."""
    return v1.trainable_variables(("discriminator", "generator")[number]) or v1.trainable_variables()


def main(side: str, network: str, batch: int, image: int, *modes: str) -> None:
    v1.disable_v2_behavior()
    serve = worker.open_protocol()
    made, figures = {}, {}
    for mode in modes:
        run, built = build(side, network, batch, image, mode)
        memory.forget_peak()
        before = memory.peak()
        run()
        built["peak"] = memory.peak() - before
        figures.update({mode + " " + name: value for name, value in built.items()})
        made[mode] = run, worker.nothing
    serve(figures, made)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), *sys.argv[5:])

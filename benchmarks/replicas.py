"""Collectives, bytes and time of `synchronized=True`: `python -m benchmarks.replicas REPLICAS ROUNDS` is one."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import tensorflow as tf

import tfbn
from benchmarks import measure, report
from benchmarks.measure import Settings

REPLICAS = (2, 4)
LAYERS, CHANNELS, SHARE = 4, 64, (8, 14, 14)
# A collective for the moments, and another for their gradient.
COLLECTIVES = {"forward": 1, "with gradient": 2, "inference": 0}


def table(settings: Settings, progress: Callable[[str], None]) -> report.Table:
    rows = []
    rounds = settings.rounds_or(20, 5)
    for replicas in REPLICAS[:1] if settings.quick else REPLICAS:
        progress(f"{replicas} replicas")
        found = json.loads(measure.child("replicas", str(replicas), str(rounds)).splitlines()[-1])
        # The numbers of samples, means and variances of all, and sums of dy and of dy * xhat.
        forward = replicas * (2 * CHANNELS + 1) * 4
        limits = {"forward": forward, "with gradient": forward + 2 * CHANNELS * 4, "inference": 0}
        if not found["collectives"]["forward"][0]:
            rows.append(
                report.Row(f"{replicas} replicas", None, note="here TensorFlow adds up CPUs' values without any")
            )
            continue
        for name, (count, size) in found["collectives"].items():
            of_layer = {"bytes per layer": size / LAYERS, "limit of bytes": limits[name]}
            rows.append(report.Row(f"{replicas} replicas: {name}", count / LAYERS, COLLECTIVES[name], details=of_layer))
        note = f"a step's time, as a ratio to that of replicas by themselves: {found['ratio']:.2f}"
        rows.append(report.Row(f"{replicas} replicas: time", None, note=note))
    title = f"collectives per layer of {CHANNELS} channels and replica, {LAYERS} layers in a row"
    return report.Table(
        "replicas", title, "collectives", rows, ["of logical CPUs of this machine, by MirroredStrategy"]
    )


def of_replicas(replicas: int, rounds: int) -> dict[str, Any]:
    """The collectives of all layers with their bytes, for each kind of step; and the ratio of the times."""
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * replicas)
    strategy = tf.distribute.MirroredStrategy([f"CPU:{index}" for index in range(replicas)])
    inputs = strategy.experimental_distribute_values_from_function(
        lambda context: tf.random.stateless_normal([*SHARE, CHANNELS], [1, context.replica_id_in_sync_group], 5.0)
    )
    collectives, steps = {}, {}
    for synchronized in (True, False):
        with strategy.scope():
            layers = [tfbn.BatchNorm(CHANNELS, synchronized=synchronized) for _ in range(LAYERS)]

        def forward(x: tf.Tensor, is_training: bool = True, layers: list[tfbn.BatchNorm] = layers) -> tf.Tensor:
            for layer in layers:
                x = tf.nn.relu(layer(x, is_training))
            return x

        def with_gradient(x: tf.Tensor, forward: Callable = forward) -> tf.Tensor:
            with tf.GradientTape() as tape:
                tape.watch(x)
                loss = tf.reduce_sum(forward(x) ** 3)
            return tape.gradient(loss, x)

        kinds = {"forward": forward, "with gradient": with_gradient, "inference": lambda x, f=forward: f(x, False)}
        functions = {
            name: tf.function(lambda x, kind=kind: strategy.run(kind, [x]), autograph=False)
            for name, kind in kinds.items()
        }
        if synchronized:
            collectives = {name: count(function, inputs, replicas) for name, function in functions.items()}
        steps["own" if synchronized else "apart"] = measure.timed(lambda f=functions["with gradient"]: f(inputs))
    seconds = measure.interleave({"step": steps}, rounds)["step"]
    return {"collectives": collectives, "ratio": measure.ratio(seconds["own"], seconds["apart"]).median}


def count(function: Any, inputs: Any, replicas: int) -> tuple[float, float]:
    """How many collectives each replica takes part in, and the bytes that it gives to them."""
    graph = function.get_concrete_function(inputs).graph
    ops = [op for op in graph.get_operations() if op.type.startswith("CollectiveReduce")]
    size = sum(op.inputs[0].shape.num_elements() * op.inputs[0].dtype.size for op in ops)
    return len(ops) / replicas, size / replicas


if __name__ == "__main__":
    print(json.dumps(of_replicas(int(sys.argv[1]), int(sys.argv[2]))))

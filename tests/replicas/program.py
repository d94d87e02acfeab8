"""Runs cases under a strategy in a process of its own: `python -m tests.replicas.program KIND RESULTS NAMES`.

KIND is `mirrored` with the number of replicas, as mirrored4, or `workers`, where TF_CONFIG names the others. RESULTS is
the .npz file to write; NAMES are those of the cases, separated by semicolons.
"""

from __future__ import annotations

import sys

import numpy as np
import tensorflow as tf

from tests.replicas import cases


def logical_cpus(number: int) -> list[str]:
    """The CPU as so many devices, which has to be settled before TensorFlow first looks at it."""
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * number)
    return [f"CPU:{index}" for index in range(number)]


def mirrored(number: int) -> tf.distribute.Strategy:
    return tf.distribute.MirroredStrategy(logical_cpus(number))


def main(kind: str, results: str, names: str) -> None:
    strategy = tf.distribute.MultiWorkerMirroredStrategy() if kind == "workers" else mirrored(int(kind[8:]))
    chosen = {name: cases.CASES[name] for name in names.split(";")}
    # The first process alone saves: the statistics are everywhere the same, and no collective is needed to read them.
    first = kind != "workers" or strategy.cluster_resolver.task_id == 0
    found = cases.run(chosen, strategy, checkpoint=results + ".checkpoint" if first else None, synchronized=True)
    for key, value in cases.run({"eager": cases.Case()}, strategy, eager=True, synchronized=True).items():
        found[key] = value
    np.savez(results, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The peak memory of a step, each in a process of its own: `python -m benchmarks.memory PATH SIDE SHAPE` is one."""

from __future__ import annotations

import contextlib
import json
import re
import resource
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import measure, report, steps
from benchmarks.measure import Settings

# What computes with the fused kernel may hold one tensor more than the op does; the rest is shown.
FUSED = (
    "default",
    "inline updates",
    "zero debias",
    "is_training placeholder",
    "rank 5",
    "inference",
    "NCHW",
    "renorm",
    "adjustment [C]",
)
COMPOSED = ("batch_weights", "mask", "fused=False")
QUICK = ("default", "renorm")
# Left to itself, glibc keeps what was freed in a place for each thread, and the peak depends on which thread ran what.
MALLOC = {"MALLOC_MMAP_THRESHOLD_": "65536"}
# The first steps still find memory to reuse in other places than the later ones.
STEPS = 4


def table(settings: Settings, progress: Callable[[str], None]) -> report.Table:
    names = settings.paths or (QUICK if settings.quick else FUSED + COMPOSED)
    of_the_op: dict[str, float] = {}
    rows = []
    for name in names:
        path = steps.PATHS[name]
        baseline = path.baseline.name
        if baseline not in of_the_op:
            progress(baseline)
            of_the_op[baseline] = in_a_process(name, "op", settings.shape)
        progress(name)
        tensors = in_a_process(name, "own", settings.shape)
        limit = of_the_op[baseline] + 1 if name in FUSED else None
        rows.append(
            report.Row(name, tensors, limit and round(limit, 3), details={"the op": of_the_op[baseline], "": baseline})
        )
    title = f"peak of the resident memory in training steps, in tensors of the inputs' size, {list(settings.shape)}"
    return report.Table("memory", title, "tensors", rows, ["the inputs and the upstream gradient are among them"])


def in_a_process(name: str, side: str, shape: tuple[int, ...]) -> float:
    return json.loads(measure.child("memory", name, side, json.dumps(shape), **MALLOC).splitlines()[-1])


def tensors(name: str, side: str, shape: tuple[int, ...]) -> float:
    """How far the steps raise this process's peak above what it holds before the inputs are made."""
    own = side == "own"
    path = steps.PATHS[name]
    small = (4, 2, 2, shape[-1])
    # What is loaded and started once: TensorFlow's threads, kernels, gradients, tfbn itself.
    steps.build(path, small, own).run()
    forget_peak()
    before = peak()
    step = steps.build(path, shape, own)
    for _ in range(STEPS):
        step.run()
        step.tidy()
    return (peak() - before) / (np.prod(shape) * np.dtype("float32").itemsize)


def forget_peak() -> None:
    """Lets the peak start anew from what is held now, where the system can do that (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak() -> int:
    """In bytes. On Linux not ru_maxrss, in which a child starts with the peak of the process that started it."""
    with contextlib.suppress(OSError):
        return int(re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    print(json.dumps(float(tensors(sys.argv[1], sys.argv[2], tuple(json.loads(sys.argv[3]))))))

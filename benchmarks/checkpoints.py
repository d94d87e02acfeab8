"""What `tfbn.checkpoint.convert` takes: its peak of memory, and its time as a ratio to copying its files twice.

`python -m benchmarks.checkpoints SOURCE TARGET` is one conversion, in a process of its own.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import measure, report
from benchmarks.measure import Settings
from benchmarks.memory import peak
from tfbn.files import sync

MB = 2**20
# Beside this each conversion may hold three times the largest tensor.
ALLOWANCE = 100 * MB
LARGEST = 64 * MB
QUICK_TENSORS, TENSORS = 8, 32  # of the largest size: 512 MB and 2 GB
LAYERS = 50  # with small variables, of some kB


def table(settings: Settings, progress: Callable[[str], None]) -> report.Table:
    tensors = settings.tensors or (QUICK_TENSORS if settings.quick else TENSORS)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        progress("writing a checkpoint")
        size = make(folder / "source", tensors, settings.largest or LARGEST)
        peaks, seconds, copies = [], [], []
        for number in range(settings.rounds_or(3, 1)):
            progress(f"round {number + 1}")
            copies.append(copying_twice(folder))
            found = in_a_process(folder / "source", folder / "target")
            peaks.append(found["peak"])
            seconds.append(found["seconds"])
            remove(folder, "target")
        limit = (ALLOWANCE + 3 * (settings.largest or LARGEST)) / MB
        rows.append(report.Row("peak above import tensorflow (MB)", max(peaks) / MB, limit))
        ratio = measure.ratio(seconds, copies)
        details = {"low": ratio.low, "high": ratio.high, "seconds": ratio.seconds, "copying": ratio.baseline_seconds}
        rows.append(report.Row("time / copying twice (ratio)", ratio.median, 2.0, details=details))
    title = (
        f"conversion of a checkpoint of {size / MB:.0f} MB in {tensors + 4 * LAYERS} variables to tf.train.Checkpoint"
    )
    return report.Table("checkpoint", title, "figure", rows)


def make(prefix: Path, tensors: int, largest: int) -> int:
    """Writes a checkpoint with TF1 names; returns its size in bytes."""
    from tfbn.checkpoint.bundle import writing

    random = np.random.default_rng(0)
    with writing(str(prefix), force=False) as writer:
        for number in range(tensors):
            writer.add(f"dense_{number}/weights", random.random(largest // 4, np.float32))
        for number in range(LAYERS):
            for name in ("beta", "gamma", "moving_mean", "moving_variance"):
                writer.add(f"layer_{number}/BatchNorm/{name}", random.random(256, np.float32))
    return sum(path.stat().st_size for path in files(prefix.parent, prefix.name))


def files(folder: Path, name: str) -> list[Path]:
    return sorted(folder.glob(f"{name}.*"))


def remove(folder: Path, name: str) -> None:
    for path in files(folder, name):
        path.unlink()


def copying_twice(folder: Path) -> float:
    """Seconds, with the copies synced to the disk as a converted checkpoint is."""
    start = time.perf_counter()
    for copy in ("first", "second"):
        for path in files(folder, "source"):
            copied = folder / f"{copy}{path.name[len('source') :]}"
            shutil.copyfile(path, copied)
            sync(copied)
    seconds = time.perf_counter() - start
    for copy in ("first", "second"):
        remove(folder, copy)
    return seconds


def in_a_process(source: Path, target: Path, **arguments: object) -> dict[str, float]:
    printed = measure.child("checkpoints", str(source), str(target), json.dumps({"to": "BatchNorm", **arguments}))
    return json.loads(printed.splitlines()[-1])


def convert(source: str, target: str, arguments: dict[str, object]) -> dict[str, float]:
    """How far a conversion raises this process's peak above that of importing TensorFlow, and its seconds."""
    import tensorflow as tf

    imported = peak()
    del tf
    from tfbn import checkpoint

    start = time.perf_counter()
    checkpoint.convert(source, target, **arguments)  # type: ignore[arg-type]
    return {"peak": peak() - imported, "seconds": time.perf_counter() - start}


if __name__ == "__main__":
    print(json.dumps(convert(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))))

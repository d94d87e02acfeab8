"""Which names of TensorFlow tell TF1 code from TF2 code, and which are gone; without `tensorflow.` in front."""

from __future__ import annotations

from collections.abc import Collection

from tfbn.migrate.tensorflow_names import GONE, GONE_MODULES, V1_MODULES, V1_ONLY, V2_ONLY

# Called by a module itself, not by its functions, in files that are run.
OF_PROGRAMS = (
    "Session",
    "InteractiveSession",
    "app.run",
    "placeholder",
    "placeholder_with_default",
    "train.MonitoredTrainingSession",
)


def v1_only(name: str) -> str | None:
    """The part of a name that tf.compat.v1 has and TensorFlow 2 lacks, `train.Saver` of `train.Saver.restore`."""
    return _part_in(name, V1_ONLY)


def v2_only(name: str) -> str | None:
    """The part of a name that TensorFlow 2 has and tf.compat.v1 lacks."""
    return _part_in(name, V2_ONLY)


def gone(name: str) -> str | None:
    """The part of a name, public or private, that newer TensorFlow has neither as tf nor as tf.compat.v1."""
    return _part_in(name, GONE) or _part_in(name, GONE_MODULES)


def is_v1_module(name: str) -> bool:
    """Whether tf.compat.v1 has a module of this name to import from."""
    return name in V1_MODULES or v1_only(name) is not None


def _part_in(name: str, names: Collection[str]) -> str | None:
    parts = name.split(".")
    leading = (".".join(parts[:count]) for count in range(1, len(parts) + 1))
    return next((part for part in leading if part in names), None)

"""Finds out which parts of tfbn work on this machine, and why the others do not."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tfbn.errors import Finding
from tfbn.lines import one_line
from tfbn.requirements import NEWEST_TENSORFLOW, REQUIREMENTS, release
from tfbn.version import installed_version

PYTHONS = ((3, 9), (3, 13))  # the oldest and the newest that the tests run on
LEGACY_KERAS = "TF_USE_LEGACY_KERAS"


class Fact(NamedTuple):
    """A line of the examination."""

    name: str
    text: str
    data: dict[str, Any]  # the same for programs


class Build(NamedTuple):
    """An installed package that contains a TensorFlow."""

    package: str
    version: str
    folder: str

    def __str__(self) -> str:
        return f"{self.package} {self.version}"


class Examination:
    """The facts in the order in which they are printed, and what is wrong."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.findings: list[Finding] = []

    def note(self, name: str, text: str, **data: Any) -> None:
        self.facts.append(Fact(name, text, data))

    def report(self, kind: str, severity: str, where: str, problem: str, remedy: str) -> None:
        self.findings.append(Finding(kind, severity, where, problem, remedy))

    def __str__(self) -> str:
        width = max(len(fact.name) for fact in self.facts)
        return "\n".join(f"{fact.name:{width}}  {one_line(fact.text)}" for fact in self.facts)


def examine(import_tensorflow: Callable[[], Any]) -> Examination:
    """Looks at Python, TensorFlow and Keras, and tries each part of tfbn on a few numbers.

    Args:
      import_tensorflow: returns TensorFlow, or raises ImportError where there is none that tfbn runs on.
    """
    examination = Examination()
    folder = str(Path(__file__).parent)
    examination.note("tfbn", f"{installed_version()}, {folder}", version=installed_version(), folder=folder)
    _examine_python(examination)
    examination.note("NumPy", _version("numpy") or "none", version=_version("numpy"))
    tf = _examine_tensorflow(examination, import_tensorflow)
    if tf is not None:
        _examine_keras(examination)
        _examine_v2_behavior(examination, tf)
        _try_part(examination, "TF1 graphs", _train_graph, "a layer trained for a step, and its numbers are right")
        _try_part(examination, "tf.function", _train_module, "a layer trained for a step, and its numbers are right")
    _examine_migrate(examination)
    if tf is not None:
        _examine_checkpoints(examination)
    return examination


def _examine_python(examination: Examination) -> None:
    version = platform.python_version()
    examination.note("Python", f"{version}, {sys.executable}", version=version, executable=sys.executable)
    if not PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]:
        oldest, newest = (".".join(map(str, python)) for python in PYTHONS)
        examination.report(
            "untested-python",
            "warning",
            "Python",
            f"tfbn is tested on Python {oldest} to {newest}, and this is {version}",
            "Use one of these where something fails.",
        )


def tensorflow_builds() -> list[Build]:
    """The installed packages that contain a TensorFlow, including those that another one was installed over."""
    builds = set()
    for distribution in importlib.metadata.distributions():
        if re.search(r"(?m)^tensorflow/__init__\.py,", distribution.read_text("RECORD") or ""):
            folder = str(distribution.locate_file(""))
            builds.add(Build(distribution.metadata["Name"], distribution.version, folder))
    return sorted(builds)


def _examine_tensorflow(examination: Examination, import_tensorflow: Callable[[], Any]) -> Any:
    """Notes TensorFlow and its builds; returns it, or None where there is none to work with."""
    builds = tensorflow_builds()
    if len(builds) > 1:
        same_folder = len({build.folder for build in builds}) == 1
        problem = "are installed over each other, and their files are mixed" if same_folder else "are on the path"
        examination.report(
            "several-builds",
            "error",
            "TensorFlow",
            f"{' and '.join(map(str, builds))} {problem}",
            f"pip uninstall {' '.join(build.package for build in builds)}, then install the one that you want.",
        )
    listed = [build._asdict() for build in builds]
    try:
        tf = import_tensorflow()
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == "tensorflow"
        examination.note("TensorFlow", "none" if missing else "cannot be used", version=None, builds=listed)
        problem, remedy = f"{error}", "Install a build of it that this machine runs."
        if missing:
            requirement = REQUIREMENTS["tensorflow"]
            problem = "there is none: of tfbn only `tfbn migrate` works, and `tfbn checkpoint list` by names"
            remedy = requirement.remedy
        examination.report("no-tensorflow", "warning" if missing else "error", "TensorFlow", problem, remedy)
        return None
    version, gpus = tf.__version__, len(tf.config.list_physical_devices("GPU"))
    origin = f"from the package {builds[0].package}" if len(builds) == 1 else f"from {len(builds)} packages"
    devices = f"{gpus} GPU{'s' if gpus > 1 else ''}" if gpus else "no GPU"
    examination.note("TensorFlow", f"{version}, {origin}; {devices}", version=version, builds=listed, gpus=gpus)
    if release(version) > NEWEST_TENSORFLOW:
        examination.report(
            "untested-tensorflow",
            "warning",
            "TensorFlow",
            f"tfbn is tested up to TensorFlow {'.'.join(map(str, NEWEST_TENSORFLOW))}, and this is {version}",
            "Look for a newer tfbn; this one may work.",
        )
    return tf


def _examine_keras(examination: Examination) -> None:
    from tfbn.keras.generation import find_generation

    legacy = os.environ.get(LEGACY_KERAS)
    installed = {package: _version(package) for package in ("keras", "tf_keras")}
    title = None
    try:
        title = find_generation().title
    except (ImportError, RuntimeError) as error:
        remedy = (
            f"pip install tf_keras, or unset {LEGACY_KERAS}."
            if legacy and not installed["tf_keras"]
            else "pip install keras brings Keras 3 to TensorFlow 2.16 or newer; the rest of tfbn needs none."
        )
        examination.report("no-keras", "warning", "tfbn.keras", f"{type(error).__name__}: {error}", remedy)
    packages = ", ".join(f"{package} {version}" for package, version in installed.items() if version)
    text = f"tf.keras is {title}" if title else "tf.keras cannot be loaded"
    text += f"; installed: {packages or 'none'}; {LEGACY_KERAS} is {legacy if legacy is not None else 'not set'}"
    examination.note("Keras", text, tf_keras=title, packages=installed, legacy=legacy)


def _examine_v2_behavior(examination: Examination, tf: Any) -> None:
    switches = {
        "eager execution": tf.executing_eagerly(),
        "resource variables": tf.compat.v1.resource_variables_enabled(),
        "control flow v2": tf.compat.v1.control_flow_v2_enabled(),
    }
    off = [name for name, on in switches.items() if not on]
    if not off:
        text = "on, as TensorFlow 2 starts; a TF1 program switches it off: tf.compat.v1.disable_v2_behavior()"
    else:
        text = f"off at the start: {', '.join(off)}; TF2_BEHAVIOR is {os.environ.get('TF2_BEHAVIOR', 'not set')}"
    examination.note("v2 behaviour", text, **{name.replace(" ", "_"): on for name, on in switches.items()})


def _try_part(examination: Examination, name: str, attempt: Callable[[], None], success: str) -> None:
    """Tries a part of tfbn, and notes whether it works; any exception becomes a finding."""
    try:
        attempt()
    except Exception as error:
        problem = " ".join(f"{type(error).__name__}: {error}".split())
        examination.note(name, "does not work, see below", works=False)
        examination.report("part-fails", "error", name, problem, "Please report it, with all of this output.")
    else:
        examination.note(name, f"works: {success}", works=True)


def _train_graph() -> None:
    import numpy as np
    import tensorflow as tf

    from tfbn.graph.batch_norm import batch_norm

    batch, expected = _batch_and_outputs()
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        outputs = batch_norm(v1.placeholder_with_default(batch, [None, 3]), decay=0.5, is_training=True)
        session.run(v1.global_variables_initializer())
        normalized, *_ = session.run([outputs, *v1.get_collection(v1.GraphKeys.UPDATE_OPS)])
        (moving_mean,) = (v for v in v1.global_variables() if v.op.name == "BatchNorm/moving_mean")
        _compare(normalized, expected)
        _compare(session.run(moving_mean), np.mean(batch, 0) / 2)


def _train_module() -> None:
    import numpy as np
    import tensorflow as tf

    from tfbn.module import BatchNorm

    batch, expected = _batch_and_outputs()
    norm = BatchNorm(3, decay=0.5)
    _compare(tf.function(norm, autograph=False)(tf.constant(batch), is_training=True).numpy(), expected)
    _compare(norm.moving_mean.numpy(), np.mean(batch, 0) / 2)


def _batch_and_outputs() -> tuple[Any, Any]:
    """A batch, and the outputs of a new layer for it in training."""
    import numpy as np

    batch = np.random.RandomState(1).normal(5.0, 2.0, [64, 3]).astype("float32")
    return batch, (batch - batch.mean(0)) / np.sqrt(batch.var(0) + 0.001)


def _compare(actual: Any, expected: Any) -> None:
    import numpy as np

    # Float32 on both sides: sums of 64 terms up to 12, and a division by a stddev of about 2.
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


def _examine_migrate(examination: Examination) -> None:
    version = _version("libcst")
    if version is None:
        remedy = REQUIREMENTS["libcst"].remedy
        examination.note("tfbn migrate", f"needs libcst. {remedy}", works=False, libcst=None)
    else:
        _try_part(examination, "tfbn migrate", _migrate_a_call, f"a call was rewritten (libcst {version})")


def _migrate_a_call() -> None:
    from tfbn.migrate.driver import chosen_rules, migrate_alone

    before = b"from tensorflow.contrib.layers import batch_norm\n\n\ndef f(x):\n    return batch_norm(x)\n"
    after = migrate_alone("model.py", before, chosen_rules((), (), compat=False)).after
    if b"from tfbn import batch_norm" not in after:
        raise AssertionError(f"expected an import of tfbn, got {after.decode()}")


def _examine_checkpoints(examination: Examination) -> None:
    """The files and plots of `tfbn checkpoint`, by the packages they need."""
    versions = {package: _version(package) for package in ("h5py", "matplotlib")}
    words = ["those of TensorFlow"]
    for package, part in (("h5py", "Keras' weight files"), ("matplotlib", "plots")):
        remedy = REQUIREMENTS[package].remedy
        words.append(f"{part} ({package} {versions[package]})" if versions[package] else f"no {part}. {remedy}")
    examination.note("checkpoints", "; ".join(words), **versions)


def _version(package: str) -> str | None:
    """The version of an installed package; None if it is not installed."""
    if sys.modules.get(package, package) is None or importlib.util.find_spec(package) is None:
        return None
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "of unknown version"

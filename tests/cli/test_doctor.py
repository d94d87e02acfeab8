"""`tfbn doctor`: what it says of this machine, and of machines with something wrong."""

from __future__ import annotations

import functools
import importlib.metadata
import re
import sys
import types

import pytest
import tensorflow as tf

import tfbn
from tests.cli.strict_json import parse_json
from tests.metadata import PROJECT
from tfbn import cli, doctor, requirements
from tfbn.graph import batch_norm
from tfbn.keras import generation
from tfbn.migrate import driver

TITLES = ["tfbn", "Python", "NumPy", "TensorFlow", "Keras", "v2 behaviour", "TF1 graphs", "tf.function"]
TITLES += ["tfbn migrate", "checkpoints"]


def test_a_healthy_machine(capsys):
    """Ten lines, status 0; the versions are those that run."""
    assert cli.main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [re.split(r"  +", line)[0] for line in lines] == TITLES
    assert f"{tf.__version__}, from the package tensorflow" in lines[3]
    assert [line.split("  ")[-1].lstrip()[:6] for line in lines[6:9]] == ["works:"] * 3


def test_json(capsys):
    """The same facts by name."""
    assert cli.main(["doctor", "--json"]) == 0
    answer = parse_json(capsys.readouterr().out)
    assert answer["findings"] == []
    assert answer["python"]["executable"] == sys.executable
    assert [build["package"] for build in answer["tensorflow"]["builds"]] == ["tensorflow"]
    assert answer["tf1_graphs"] == answer["tf.function"] == {"works": True}


@pytest.fixture
def quick(monkeypatch):
    """Tries no part of tfbn."""
    for attempt in ("_train_graph", "_train_module", "_migrate_a_call"):
        monkeypatch.setattr(doctor, attempt, lambda: None)


def without(*modules):
    return lambda patch: [patch.setitem(sys.modules, module, None) for module in modules]


def fail(error):
    def call(*_):
        raise error

    return call


def legacy_keras_without_its_package(patch):
    patch.setenv(doctor.LEGACY_KERAS, "1")
    patch.setitem(sys.modules, "tf_keras", None)
    patch.setattr(generation, "find_generation", fail(ImportError("no tf_keras")))


@pytest.mark.parametrize(
    ("change", "texts", "status"),
    [
        (without("tensorflow"), ["TensorFlow    none\n", "only `tfbn migrate` works, and", "'tfbn[cpu]' for"], 0),
        (
            lambda patch: patch.setitem(sys.modules, "tensorflow", types.SimpleNamespace(__version__="2.11.0")),
            ["TensorFlow    cannot be used", "expected TensorFlow 2.12 or newer, got 2.11.0"],
            1,
        ),
        (without("libcst"), ["tfbn migrate  needs libcst. Install it: pip install 'tfbn[migrate]'."], 0),
        (without("h5py"), ["no Keras' weight files. Install it: pip install 'tfbn[tools]'."], 0),
        (
            legacy_keras_without_its_package,
            ["tf.keras cannot be loaded; ", "TF_USE_LEGACY_KERAS is 1", "or unset TF_USE_LEGACY_KERAS"],
            0,
        ),
        (
            lambda patch: patch.setattr(tf.compat.v1, "control_flow_v2_enabled", lambda: False),
            ["v2 behaviour  off at the start: control flow v2; TF2_BEHAVIOR is not set"],
            0,
        ),
        (
            lambda patch: patch.setattr(doctor, "_train_graph", fail(ValueError("wrong\nnumbers"))),
            ["TF1 graphs    does not work", "TF1 graphs: part-fails: ValueError: wrong numbers"],
            1,
        ),
        (lambda patch: patch.setattr(doctor, "PYTHONS", ((3, 7), (3, 8))), ["tested on Python 3.7 to 3.8"], 0),
        (lambda patch: patch.setattr(doctor, "NEWEST_TENSORFLOW", (2, 9)), ["tested up to TensorFlow 2.9"], 0),
    ],
)
def test_what_it_says(quick, monkeypatch, capsys, change, texts, status):
    """Whatever is wrong has its line and its remedy; only errors give status 1."""
    monkeypatch.delenv("TF2_BEHAVIOR", raising=False)
    change(monkeypatch)
    assert cli.main(["doctor"]) == status
    out = capsys.readouterr().out
    assert [text for text in texts if text not in out] == []


def leave_the_averages(inputs, **_):
    """What batch_norm returns, and no update."""
    tf.compat.v1.get_variable("BatchNorm/moving_mean", [3], initializer=tf.compat.v1.zeros_initializer())
    return (inputs - tf.reduce_mean(inputs, 0)) / tf.sqrt(tf.math.reduce_variance(inputs, 0) + 0.001)


def without_decay(make, size, decay):
    return make(size, decay=1.0)


def slightly_more(function):
    return lambda *args, **arguments: 1.001 * function(*args, **arguments)


@pytest.mark.parametrize(
    ("part", "place", "name", "stands_in"),
    [
        ("TF1 graphs", batch_norm, "batch_norm", slightly_more(batch_norm.batch_norm)),
        ("TF1 graphs", batch_norm, "batch_norm", leave_the_averages),
        ("tf.function", tfbn.BatchNorm, "__call__", slightly_more(tfbn.BatchNorm.__call__)),
        ("tf.function", tfbn.module, "BatchNorm", functools.partial(without_decay, tfbn.BatchNorm)),
        ("tfbn migrate", driver, "migrate_alone", lambda name, before, _: types.SimpleNamespace(after=before)),
    ],
)
def test_a_part_that_computes_something_else(monkeypatch, part, place, name, stands_in):
    """Each part is tried on numbers, and is said to work only where they come out."""
    monkeypatch.setattr(place, name, stands_in)
    findings = doctor.examine(lambda: tf).findings
    assert [(finding.kind, str(finding.where)) for finding in findings] == [("part-fails", part)]


@pytest.mark.parametrize(("folders", "text"), [("aa", "are installed over each other"), ("ab", "are on the path")])
def test_two_builds(quick, monkeypatch, tmp_path, capsys, folders, text):
    """In one folder or in two; a package that only needs TensorFlow is none."""
    packages = [("tensorflow", "tensorflow"), ("tensorflow_cpu", "tensorflow"), ("tensorflow_hub", "tensorflow_hub")]
    for folder, (package, module) in zip(folders + "a", packages):
        information = tmp_path / folder / f"{package}-2.20.0.dist-info"
        information.mkdir(parents=True)
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 2.20.0\n")
        (information / "RECORD").write_text(f"{module}/__init__.py,,\n{module}/python.py,,\n")
    distributions = importlib.metadata.distributions
    places = [str(tmp_path / folder) for folder in sorted(set(folders))]
    monkeypatch.setattr(importlib.metadata, "distributions", lambda: distributions(path=places))
    assert cli.main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert f"tensorflow 2.20.0 and tensorflow_cpu 2.20.0 {text}" in out
    assert "pip uninstall tensorflow tensorflow_cpu, then" in out


def test_tested_versions_are_stated():
    """The newest TensorFlow and the Pythons of the package's classifiers."""
    assert requirements.release(tf.__version__) <= requirements.NEWEST_TENSORFLOW
    stated = [tuple(map(int, line.rpartition(" ")[2].split("."))) for line in PROJECT["classifiers"] if "3." in line]
    assert (min(stated), max(stated)) == doctor.PYTHONS

"""Programs of several files: the layers in one, the step in another."""

from __future__ import annotations

import json

import pytest

from tests.migrate import helpers
from tests.migrate.source.test_notebook import notebook
from tfbn.migrate import driver

LAYERS = "from tensorflow.contrib import slim\ndef norm(x):\n    return slim.batch_norm(x)\n"
NET = "import tensorflow as tf\nfrom project.layers import norm\n"
STEP = "import tensorflow as tf\nfrom .net import model\nstep = tf.train.AdamOptimizer(0.1).minimize(model(1))\n"
RULES = driver.chosen_rules(["updates-not-wired"])


def reported(root, files):
    """The paths and lines of the findings of a run over these files."""
    return [(path, finding.where.line) for path, finding in helpers.reported(root / "project", files, RULES)]


def test_the_step_is_reported(tmp_path):
    """Through a file that has nothing to migrate itself."""
    assert reported(tmp_path, {"layers.py": LAYERS, "net.py": NET, "train.py": STEP}) == [("train.py", 3)]


@pytest.mark.parametrize("wired", ["layers.py", "net.py", "train.py"])
def test_updates_anywhere_in_the_program_are_enough(tmp_path, wired):
    """Which of its files runs them is the program's business."""
    files = {"layers.py": LAYERS, "net.py": NET, "train.py": STEP}
    files[wired] += "ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)\nimport tensorflow\n"
    assert reported(tmp_path, files) == []


def test_another_programs_updates_are_not(tmp_path):
    """Nothing imports that file."""
    other = "import tensorflow as tf\nops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)\n"
    files = {"layers.py": LAYERS, "net.py": NET, "train.py": STEP, "other.py": other}
    assert reported(tmp_path, files) == [("train.py", 3)]


def test_files_of_the_same_name(tmp_path):
    """Those beside the importing file are meant."""
    net = NET.replace("project.", "")
    good = net + "import tensorflow\nops = tf.get_collection('update_ops')\n"
    files = {f"{p}/{n}.py": t for p in "ab" for n, t in [("layers", LAYERS), ("train", STEP)]}
    assert reported(tmp_path, {**files, "a/net.py": good, "b/net.py": net}) == [("b/train.py", 3)]


def test_a_package(tmp_path):
    """Its `__init__` goes by the name of the folder."""
    files = {"net/__init__.py": LAYERS, "train.py": STEP}
    assert reported(tmp_path, files) == [("train.py", 3)]


def test_a_step_without_layers(tmp_path):
    """A program that trains no batch norm has no updates to run."""
    assert reported(tmp_path, {"net.py": NET, "train.py": STEP}) == []


def test_a_step_that_does_not_parse(tmp_path):
    """There is no line to report."""
    assert reported(tmp_path, {"net.py": LAYERS, "train.py": STEP + "print 1\n"}) == []


def test_a_notebook(tmp_path):
    """With the cell."""
    text = json.dumps(notebook(LAYERS, "print()\n" + STEP.replace(".net", "net")))
    (tmp_path / "a.ipynb").write_text(text)
    (report,) = driver.run([str(tmp_path)], RULES).reports
    assert [(f.where.cell, f.where.line) for f in report.findings] == [(3, 4)]

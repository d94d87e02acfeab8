"""A file that loses an import, and files that take its name from there."""

from __future__ import annotations

import json

import pytest

from tests.migrate.helpers import reported
from tests.migrate.source.test_notebook import notebook
from tfbn.migrate import driver

OPS = "import tensorflow as tf\nimport tensorflow.contrib.slim as slim\nfrom tensorflow.contrib import layers\nx = 1\n"
RULES = driver.chosen_rules(["dead-imports"])


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("from ops import slim\ny = slim.conv2d\n", [1]),
        ("from .ops import x, slim as s\ny = s.conv2d\n", [1]),
        ("from project.ops import (\n    layers, slim)\ny = layers.f(slim.g)\n", [1]),
        ("from ops import *\ny = slim.conv2d\n", [1]),
        ("import ops\ny = ops.slim.conv2d\nz = ops.x\nw = [ops.layers]\n", [2, 4]),
        ("from project import ops as o\nimport ops\ny = [ops.slim]\n", [3]),
        ("def f():\n    from ops import layers\n    layers.g\n", [2]),
        # What is left there, what has its own name here, and what is unused.
        ("from ops import x, tf\n", []),
        ("from ops import x, slim\n", []),
        ("from ops import *\ny = tf.zeros(x)\n", []),
        ("from ops import *\nimport slim\ny = slim.conv2d\n", []),
        ("from other import slim\nimport ops\n", []),
        ("from ops import slim\nthis does not parse\n", []),
    ],
)
def test_takers(source, lines, tmp_path):
    """By their own lines; the file itself loses what it does not use, without a word."""
    found = reported(tmp_path / "project", {"ops.py": OPS, "model.py": source}, RULES)
    assert [(path, finding.where.line) for path, finding in found if finding.kind == "dead-imports"] == [
        ("model.py", line) for line in lines
    ]
    for _, finding in found:
        assert "ops.py, where nothing of that name is left" in finding.problem
        assert "tfbn.layers" in finding.remedy


def test_a_notebook(tmp_path):
    """Takes names as a file does, in a cell."""
    cells = json.dumps(notebook("x = 1\n", "import os\nfrom ops import slim\nslim.f\n"))
    ((path, finding),) = reported(tmp_path, {"ops.py": OPS, "model.ipynb": cells}, RULES)
    assert (path, finding.where.cell, finding.where.line) == ("model.ipynb", 3, 2)


def test_names(tmp_path):
    """All of them that a statement takes."""
    found = reported(tmp_path, {"ops.py": OPS, "model.py": "from ops import *\ny = slim.f(layers.g)\n"}, RULES)
    assert [finding.problem.partition(" from ")[0] for _, finding in found] == ["takes layers, slim"]


def test_an_assigned_name(tmp_path):
    """`slim = tf.contrib.slim` goes as an import does; that of TensorFlow stays, since the other file takes it."""
    ops, model = "import tensorflow as tf\nslim = tf.contrib.slim\n", "from ops import slim, tf\ny = slim.f(tf)\n"
    found = reported(tmp_path, {"ops.py": ops, "model.py": model}, RULES)
    assert [finding.problem.partition(" from ")[0] for _, finding in found] == ["takes slim"]


def test_files_of_the_same_name(tmp_path):
    """Those beside the taker are meant."""
    files = {"a/ops.py": OPS, "b/ops.py": "slim = 1\n", "b/model.py": "from ops import slim\nslim.f\n"}
    files["a/model.py"] = files["b/model.py"]
    assert [path for path, _ in reported(tmp_path, {**files, "b/__init__.py": ""}, RULES)] == ["a/model.py"]


def test_kept_imports(tmp_path):
    """Still used there: it is reported there, and nothing is taken away."""
    files = {"ops.py": OPS + "y = [slim.nets]\n", "model.py": "from ops import slim\n"}
    assert [path for path, _ in reported(tmp_path, files, RULES)] == ["ops.py"]


@pytest.mark.parametrize(
    ("ops", "model", "lines"),
    [
        ("import tfbn\n", "from ops import *\ny = slim.nets\n", [1]),
        ("import tfbn\n", "from ops import slim, tf\n", [1]),
        ("import tfbn\n", "import ops\ny = ops.slim\n", [2]),
        # Bound there or here, perhaps bound by a star import, no file of TensorFlow code.
        ("import tfbn\ndef slim(): pass\n", "from ops import slim\n", []),
        ("import tfbn\nfrom other import *\n", "from ops import slim\n", []),
        ("import tfbn\n", "from ops import *\ndef f(slim): return slim\n", []),
        ("import tfbn\n", "from ops import *\nfrom other import *\ny = slim\n", []),
        ("import os\n", "from ops import slim\n", []),
    ],
)
def test_names_removed_by_an_earlier_run(ops, model, lines, tmp_path):
    """The finding lasts until the taker is mended."""
    found = reported(tmp_path, {"ops.py": ops, "model.py": model}, RULES)
    assert [finding.where.line for _, finding in found] == lines

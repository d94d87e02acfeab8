"""The example of TF1Module, run as users run it: on the checkpoint of the graph program, and from the start."""

from __future__ import annotations

import json

import pytest
import tensorflow as tf

from tests.examples.program import call, run

pytestmark = pytest.mark.slow

NAME = "digits_tf1_module.py"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Of the graph program, after too few steps."""
    folder = tmp_path_factory.mktemp("graph")
    done = run("digits_graph.py", "--steps", 12, "--output-dir", folder, "--json", "--no-progress", timeout=120)
    result = json.loads(done.stdout)
    return result["checkpoint"], result["held_out_accuracy"]


def test_continues_from_the_graph_program(checkpoint, tmp_path):
    path, accuracy = checkpoint
    folder = tmp_path / "made" / "by the example"
    options = ["--checkpoint", path, "--steps", 40, "--output-dir", folder, "--json", "--no-progress"]
    done = run(NAME, *options, timeout=120)
    assert done.returncode in (0, 1), done.stderr
    result = json.loads(done.stdout)
    # Fractions of 450 digits, one of which is in float32.
    assert result["accuracy_before"] == result["graph_accuracy_before"] == pytest.approx(accuracy, abs=1e-6)
    assert result["held_out_accuracy"] == result["graph_accuracy"] > accuracy + 0.02
    assert result["ok"] is (done.returncode == 0) is (result["held_out_accuracy"] >= 0.98)
    assert "step/s" not in done.stderr
    shapes = dict(tf.train.list_variables(result["saved"]))
    assert shapes["conv3/BatchNorm/moving_variance"] == [64]
    assert len(shapes) == 18  # no optimizer's


def test_a_full_run(tmp_path):
    done = run(NAME, "--output-dir", tmp_path, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) == 4
    assert "420/420" in done.stderr  # the progress bar
    assert "420/420" not in done.stdout


def test_too_few_steps_are_not_good(tmp_path):
    done = call(NAME, "--steps", 2, "--output-dir", tmp_path, "--no-progress")
    assert done.returncode == 1
    assert "NOT GOOD: expected 98%" in done.stdout

"""The digits recalibrated, run as users run it: its exit status, its JSON and its picture."""

from __future__ import annotations

import json
import re

import pytest

from tests.examples.program import call, check_picture, run

pytestmark = pytest.mark.slow

NAME = "digits_recalibrate.py"


def test_as_a_program(tmp_path):
    """As it comes: from near chance to within half a percent of what batch statistics give."""
    done = run(NAME, "--output-dir", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "42/42" in done.stderr
    assert re.search("Recalibrating .* 100% ", done.stderr)
    assert len(done.stdout.splitlines()) == 9
    assert [path.name for path in tmp_path.iterdir()] == ["digits-recalibrate.png"]
    check_picture(tmp_path / "digits-recalibrate.png")


def test_json(tmp_path):
    """With another seed. A tenth of the digits is what guessing gets right."""
    done = call(NAME, "--seed", 3, "--output-dir", tmp_path, "--json", "--no-progress")
    assert done.returncode == 0
    result = json.loads(done.stdout)
    assert result["ok"]
    assert result["moving_accuracy"] < 0.15
    assert result["batch_accuracy"] > 0.95
    assert abs(result["recalibrated_accuracy"] - result["batch_accuracy"]) <= 0.005
    assert [layer["layer"] for layer in result["layers"]] == [
        f"{scope}/BatchNorm" for scope in ("conv1", "conv2", "conv3", "dense")
    ]
    assert min(layer["mean_distance"] for layer in result["layers"]) > 0.1


def test_not_good(tmp_path):
    """Status 1 where the accuracy stays away from that of batch statistics."""
    done = call(NAME, "--steps", 2, "--output-dir", tmp_path, "--no-progress", WITHIN=-1.0)
    assert done.returncode == 1
    assert "NOT GOOD: expected to be within" in done.stdout

"""The module's digits example, run as users run it: its exit status, its JSON, its picture and its checkpoint."""

from __future__ import annotations

import json

import pytest

from tests.examples.program import call, check_picture, run

pytestmark = pytest.mark.slow

NAME = "digits_module.py"


def test_as_a_program(tmp_path):
    """A quarter of the default steps are enough for 98 %."""
    done = run(NAME, "--steps", 105, "--output-dir", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) == 5
    assert "105/105" in done.stderr
    names = {"digits-module.png", "digits-module.ckpt.index", "digits-module.ckpt.data-00000-of-00001"}
    assert {path.name for path in tmp_path.iterdir()} == names
    check_picture(tmp_path / "digits-module.png")


def test_json(tmp_path):
    """Too few steps end with status 1; what is restored is what was saved all the same."""
    done = call(NAME, "--steps", 3, "--output-dir", tmp_path, "--json", "--no-progress")
    assert done.returncode == 1
    result = json.loads(done.stdout)
    assert (result["training_digits"], result["held_out_digits"], result["ok"]) == (1347, 450, False)
    assert result["held_out_accuracy"] < 0.98
    assert result["restored_accuracy"] == pytest.approx(result["held_out_accuracy"])
    # 0.9**3 of what the initial 0 was away, 1 in the first layer's standard deviations or less.
    assert 0 < result["mean_distance"] < 1

"""The GAN example, run as users run it: both modes, exit statuses, JSON, picture."""

from __future__ import annotations

import json

import pytest

from tests.examples.program import call, check_picture, run

pytestmark = pytest.mark.slow

NAME = "gan_updates.py"


def test_as_a_program(tmp_path):
    """Two hundred steps, a tenth of the default, are enough for inference to agree with training."""
    done = run(NAME, "--steps", 200, "--output-dir", tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 6
    assert [line.rpartition(" ")[2] for line in lines[1:4]] == ["D", "G", "D"]
    assert "200/200" in done.stderr  # the progress bar
    assert "step/s" not in done.stdout
    assert [each.name for each in tmp_path.iterdir()] == ["gan-scopes.png"]
    check_picture(tmp_path / "gan-scopes.png", (1600, 500))


def test_each_step_moves_its_own_network(tmp_path):
    options = ["--steps", 100, "--seed", 1, "--output-dir", tmp_path / "made", "--json", "--no-progress"]
    done = call(NAME, *options)
    assert done.returncode == 0
    result = json.loads(done.stdout)
    assert "step/s" not in done.stderr
    assert result["moved"] == {"d_step": "D", "g_step": "G", "d_real_updates": "D"}
    assert (result["updates"], result["steps"], result["seed"], result["ok"]) == ("scopes", 100, 1, True)
    assert result["difference"] < 0.1
    assert 0 < result["d_loss"] < 3
    assert 0 < result["g_loss"] < 3
    assert result["plot"] == str(tmp_path / "made" / "gan-scopes.png")


def test_too_few_steps_are_not_good(tmp_path):
    done = call(NAME, "--steps", 1, "--output-dir", tmp_path, "--no-progress")
    assert done.returncode == 1
    assert "NOT GOOD" in done.stdout


def test_forgotten_updates_say_why(tmp_path):
    options = ["--updates", "forgotten", "--steps", 100, "--output-dir", tmp_path, "--no-progress"]
    done = call(NAME, *options)
    assert done.returncode == 0
    shown = done.stdout
    assert shown.count("moves the statistics of neither") == 3
    assert "Why: nothing ran the update ops" in shown
    assert "NOT GOOD" not in shown
    check_picture(tmp_path / "gan-forgotten.png", (1600, 500))

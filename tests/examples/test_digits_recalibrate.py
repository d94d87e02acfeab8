"""The digits recalibrated, run as users run it: its exit status, its JSON and its picture."""

from __future__ import annotations

import json
import re
import sys

import pytest

from tests.examples import program

pytestmark = pytest.mark.slow

NAME = "digits_recalibrate.py"


def call(monkeypatch, *arguments):
    """The example in this process; its exit status."""
    monkeypatch.setattr(sys, "argv", [NAME, *map(str, arguments)])
    return program.load(NAME).main()


def test_as_a_program(tmp_path):
    """As it comes: from near chance to within half a percent of what batch statistics give."""
    done = program.run(NAME, "--output-dir", tmp_path, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "42/42" in done.stderr
    assert re.search("Recalibrating .* 100% ", done.stderr)
    assert len(done.stdout.splitlines()) == 9
    assert [path.name for path in tmp_path.iterdir()] == ["digits-recalibrate.png"]
    assert (tmp_path / "digits-recalibrate.png").stat().st_size > 40_000  # two empty panels take 15,000


def test_json(tmp_path, monkeypatch, capsys):
    """With another seed. A tenth of the digits is what guessing gets right."""
    assert call(monkeypatch, "--seed", 3, "--output-dir", tmp_path, "--json", "--no-progress") == 0
    result = json.loads(capsys.readouterr().out)
    assert result["ok"]
    assert result["moving_accuracy"] < 0.15
    assert result["batch_accuracy"] > 0.95
    assert abs(result["recalibrated_accuracy"] - result["batch_accuracy"]) <= 0.005
    assert [layer["layer"] for layer in result["layers"]] == [
        f"{scope}/BatchNorm" for scope in ("conv1", "conv2", "conv3", "dense")
    ]
    assert min(layer["mean_distance"] for layer in result["layers"]) > 0.1


def test_not_good(tmp_path, monkeypatch, capsys):
    """Status 1 where the accuracy stays away from that of batch statistics."""
    example = program.load(NAME)
    monkeypatch.setattr(sys, "argv", [NAME, "--steps", "2", "--output-dir", str(tmp_path), "--no-progress"])
    monkeypatch.setattr(example, "WITHIN", -1.0)
    assert example.main() == 1
    assert "NOT GOOD: expected to be within" in capsys.readouterr().out


@pytest.mark.parametrize(
    "options, text",
    [
        (["--steps", "0"], "argument --steps: expected 1 or more, got 0"),
        (["--seed", "-1"], "argument --seed: expected 0 or more, got -1"),
        (["--output-dir", __file__], "argument --output-dir: expected a folder that can be made, got"),
    ],
)
def test_wrong_usage(options, text, monkeypatch, capsys):
    with pytest.raises(SystemExit) as stopped:
        call(monkeypatch, *options)
    assert stopped.value.code == 2
    assert text in capsys.readouterr().err

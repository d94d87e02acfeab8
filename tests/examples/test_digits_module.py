"""The module's digits example, run as users run it: its exit status, its JSON, its picture and its checkpoint."""

from __future__ import annotations

import json
import sys

import pytest

from tests.examples import program

pytestmark = pytest.mark.slow

NAME = "digits_module.py"


def test_as_a_program(tmp_path):
    """A quarter of the default steps are enough for 98 %."""
    done = program.run(NAME, "--steps", 105, "--output-dir", tmp_path, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) == 5
    assert "105/105" in done.stderr
    names = {"digits-module.png", "digits-module.ckpt.index", "digits-module.ckpt.data-00000-of-00001"}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert (tmp_path / "digits-module.png").stat().st_size > 40_000  # three empty panels take 23,000


def call(monkeypatch, *arguments):
    """The example in this process; its exit status."""
    monkeypatch.setattr(sys, "argv", [NAME, *map(str, arguments)])
    return program.load(NAME).main()


def test_json(tmp_path, monkeypatch, capsys):
    """Too few steps end with status 1; what is restored is what was saved all the same."""
    assert call(monkeypatch, "--steps", 3, "--output-dir", tmp_path, "--json", "--no-progress") == 1
    result = json.loads(capsys.readouterr().out)
    assert (result["training_digits"], result["held_out_digits"], result["ok"]) == (1347, 450, False)
    assert result["held_out_accuracy"] < 0.98
    assert result["restored_accuracy"] == pytest.approx(result["held_out_accuracy"])
    # 0.9**3 of what the initial 0 was away, 1 in the first layer's standard deviations or less.
    assert 0 < result["mean_distance"] < 1


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

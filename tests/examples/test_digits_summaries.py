"""The digits with summaries, run as users run it: its exit status, its JSON, its event files and its picture."""

from __future__ import annotations

import json
import sys

import pytest

from tests.examples.program import load, run

pytestmark = pytest.mark.slow

NAME = "digits_summaries.py"


def test_as_a_program(tmp_path):
    """The distances fall with the update ops alone."""
    folder = tmp_path / "made" / "by the example"
    options = ["--steps", 60, "--every-steps", 3, "--seed", 1, "--output-dir", folder, "--json", "--no-progress"]
    process = run(NAME, *options, timeout=120)
    assert process.returncode == 0, process.stdout + process.stderr
    result = json.loads(process.stdout)
    assert max(result["largest"]["collection"].values()) < 0.5 < min(result["largest"]["forgotten"].values())
    assert (folder / "summaries.png").stat().st_size > 40_000  # two empty panels take 15,000
    for updates in ("collection", "forgotten"):
        series = load(NAME).read(folder / updates)
        assert len(series) == 8  # two distances of four layers
        assert all(list(by_step) == list(range(1, 60, 3)) for by_step in series.values())


@pytest.mark.parametrize(
    "options, text",
    [
        (["--every-steps", "0"], "argument --every-steps: expected 1 or more, got 0"),
        (["--output-dir", "{folder}"], "expected one without collection, got"),
        (["--output-dir", __file__], "argument --output-dir: expected a folder that can be made, got"),
    ],
)
def test_wrong_usage(options, text, tmp_path, monkeypatch, capsys):
    (tmp_path / "collection").mkdir()
    monkeypatch.setattr(sys, "argv", [NAME, *(option.format(folder=tmp_path) for option in options)])
    with pytest.raises(SystemExit) as stopped:
        load(NAME).main()
    assert stopped.value.code == 2
    assert text in capsys.readouterr().err

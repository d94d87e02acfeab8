"""The digits with summaries, run as users run it: its exit status, its JSON, its event files and its picture."""

from __future__ import annotations

import json

import pytest

from tests.examples.program import check_picture, load, run

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
    check_picture(folder / "summaries.png")
    for updates in ("collection", "forgotten"):
        series = load(NAME).read(folder / updates)
        assert len(series) == 8  # two distances of four layers
        assert all(list(by_step) == list(range(1, 60, 3)) for by_step in series.values())

"""The benchmark of the codemod runs, and counts what it migrates."""

from __future__ import annotations

import pytest

from benchmarks import migrate


@pytest.mark.process
def test_runs(capsys):
    """On a small tree."""
    assert migrate.main(["--files", "30", "--matching", "0.2", "--jobs", "1"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("30 files, ")
    assert "on 1 processes" in out


def test_the_limit(monkeypatch):
    """Is one only when asked for."""
    monkeypatch.setattr(migrate, "LIMIT", 0.0)
    assert migrate.main(["--files", "3"]) == 0
    assert migrate.main(["--files", "3", "--check"]) == 1

"""The notebook runs from top to bottom, and ends where it says: at a folded graph that evaluates well."""

from __future__ import annotations

import json
import sys

import pytest

from tests.examples.program import EXAMPLES

pytestmark = pytest.mark.slow

CELLS = json.loads((EXAMPLES / "whole_way.ipynb").read_text(encoding="utf-8"))["cells"]


def test_it_runs(tmp_path, monkeypatch, capsys):
    """A cell with an output prints something, and the accuracies fall and rise."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.delitem(sys.modules, "digits_graph", raising=False)
    namespace: dict = {}
    for cell in CELLS:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), namespace)
            assert bool(capsys.readouterr().out) == bool(cell["outputs"]), cell["source"]
    history = namespace["history"]
    assert history.train_accuracy[-1] > 0.98
    assert history.held_out_accuracy[-1] < 0.8
    assert {finding.kind for finding in namespace["findings"]} == {"not reached"}
    assert len(namespace["diagnosis"]) == 4
    assert namespace["mended_accuracy"] > 0.96
    assert namespace["folded_accuracy"] == pytest.approx(namespace["mended_accuracy"], abs=1e-6)
    assert list(tmp_path.iterdir()) == []  # its files are in a temporary folder

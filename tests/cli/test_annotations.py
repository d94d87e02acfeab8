"""`tfbn migrate --format`: what code review shows beside the lines."""

from __future__ import annotations

import json

import pytest

from tests.cli.strict_json import parse_json
from tfbn import cli
from tfbn.migrate.rules import RULES

SOURCE = """\
from tensorflow.contrib.layers import batch_norm


def f(x, options):
    return batch_norm(x, **options)
"""
IMPORT = "tfbn migrate turns 'tensorflow.contrib.layers' into 'tfbn'"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A module, a file that does not parse, and a notebook; of each what is left to do."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a,b 1.py").write_text(SOURCE)
    (tmp_path / "old.py").write_text("from tensorflow.contrib.layers import batch_norm\nprint 1 % 2\n")
    cell = {"cell_type": "code", "source": SOURCE.splitlines(True)[0], "metadata": {}, "outputs": []}
    notebook = {"cells": [{**cell, "execution_count": None}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "n.ipynb").write_text(json.dumps(notebook))
    return tmp_path


def test_github(folder, capsys):
    """A command a line, with what separates its parts escaped."""
    assert cli.main(["migrate", "--check", "--format", "github", "."]) == 2  # old.py
    lines = capsys.readouterr().out.splitlines()
    assert f"::warning file=a%2Cb 1.py,line=1,col=6,title=tfbn imports::{IMPORT}" in lines
    assert f"::warning file=n.ipynb,title=tfbn imports::cell 1, line 1: {IMPORT}" in lines
    (finding,) = (line for line in lines if line.startswith("::warning file=a%2Cb 1.py,line=5,"))
    assert ",title=tfbn " in finding
    assert "%0A" in finding  # between problem and remedy
    (problem,) = (line for line in lines if "old.py" in line)
    assert problem.startswith("::error file=old.py,title=tfbn not-migrated::")
    assert len(lines) == len(set(lines))


def test_sarif(folder, capsys):
    """Each rule that a result names is there; paths are URIs."""
    assert cli.main(["migrate", "--format", "sarif", "."]) == 2
    log = parse_json(capsys.readouterr().out)
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == [*(rule.name for rule in RULES), "imports", "not-migrated"]
    assert {result["ruleId"] for result in run["results"]} <= set(rules)
    places = {
        (result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], result["message"]["text"]): result
        for result in run["results"]
    }
    rewritten = places["a%2Cb%201.py", IMPORT]
    assert rewritten["level"] == "warning"
    assert rewritten["locations"][0]["physicalLocation"]["region"] == {"startLine": 1, "startColumn": 6}


def test_nothing_left(folder, capsys):
    """After writing, edits are no remarks; where nothing is left there is none at all."""
    path = folder / "a,b 1.py"
    path.write_text(SOURCE.replace(", **options", ""))
    assert cli.main(["migrate", "--write", "--format", "github", str(path)]) == 0
    assert capsys.readouterr().out == ""
    assert "from tfbn import batch_norm" in path.read_text()


@pytest.mark.parametrize("arguments", [["--json", "."], ["--diff", "."], ["-"]])
def test_one_output(folder, capsys, arguments):
    """Two on one stream are refused, and nothing is read."""
    assert cli.main(["migrate", "--format", "sarif", *arguments]) == 2
    assert "--format sarif prints nothing else to standard output" in capsys.readouterr().err

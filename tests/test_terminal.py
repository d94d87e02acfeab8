"""Colour where a person looks, and the same words without it everywhere else."""

from __future__ import annotations

import io
import re
import sys
import types

import pytest

from tests.cli.strict_json import parse_json
from tfbn import cli, terminal
from tfbn.cli import quiet
from tfbn.errors import Finding
from tfbn.lines import Lines
from tfbn.report import Report

RED, GREEN = "\x1b[1;31m", "\x1b[32m"
DIFF = b"--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-old()\n+new([1])\n"


class Terminal(io.TextIOWrapper):
    """A stream of bytes that says that a person looks at it."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", newline="\n")

    def isatty(self) -> bool:
        return True

    def text(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode()


@pytest.fixture
def look(monkeypatch):
    """A function that puts a terminal in the place of standard output; pytest puts its own there after fixtures."""
    for name in ("NO_COLOR", "COLORTERM", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")

    def start():
        monkeypatch.setattr(sys, "stdout", Terminal())
        return sys.stdout

    return start


def without_colour(text):
    return re.sub(r"\x1b\[[\d;]*m", "", text)


def say_a_finding():
    report = Report("probe")
    place = "network/" + "long/" * 20 + "[bold]norm"  # longer than a line; brackets are no markup
    report.findings.append(Finding("never updated", "error", place, "moving_mean is 0", "Run them: :smile:"))
    report.say_findings()
    report.say(Lines.of(["error  never updated", "TF1 graphs  works: a layer"]))
    return f"{place}: never updated: moving_mean is 0\n    Run them: :smile:\n" + (
        "error  never updated\nTF1 graphs  works: a layer\n"
    )


def test_reports_have_colour(look):
    """The words are the same as without, in lines as long."""
    screen, expected = look(), say_a_finding()
    assert f"{RED}error" in screen.text()
    assert f"{GREEN}works" in screen.text()
    assert without_colour(screen.text()) == expected


@pytest.mark.parametrize("reason", ["NO_COLOR", "no rich", "no terminal"])
def test_plain_text(look, monkeypatch, reason):
    """Where colour is not wanted, where rich is missing, and where a program reads."""
    if reason == "NO_COLOR":
        monkeypatch.setenv("NO_COLOR", "1")
    elif reason == "no rich":
        monkeypatch.setitem(sys.modules, "rich.console", None)
    else:
        monkeypatch.setattr(Terminal, "isatty", lambda self: False)
    screen, expected = look(), say_a_finding()
    terminal.show_diff(DIFF + b"+\xe9\r\n")
    screen.flush()
    assert screen.buffer.getvalue() == expected.encode() + DIFF + b"+\xe9\r\n"


def test_control_characters_are_escaped(capsys):
    """Those of names would write over what was printed, or turn it around; lines and tabs stay, and all letters."""
    terminal.show("a\x1b[2K\rb\x00\x7f\x9b\u202e\u2028: größe\t1\r\n2")
    assert capsys.readouterr().out == r"a\x1b[2K\rb\x00\x7f\x9b\u202e\u2028: größe" + "\t1\r\n2\n"


def test_diffs_have_colour(look):
    """What goes is red, what comes is green; the headers are neither."""
    screen = look()
    terminal.show_diff(DIFF)
    assert without_colour(screen.text()).encode() == DIFF
    assert "\x1b[1;31m-old()" in screen.text()
    assert f"{GREEN}+new([1])" in screen.text()
    assert f"{GREEN}+++" not in screen.text()


@pytest.mark.parametrize("loaded", [False, True])
def test_a_notice(monkeypatch, loaded):
    """While TensorFlow is loading, for seconds; it goes when that is done, and does not come twice."""
    monkeypatch.setitem(sys.modules, "tensorflow", types.SimpleNamespace())
    if not loaded:
        monkeypatch.delitem(sys.modules, "tensorflow")
    monkeypatch.setattr(sys, "stderr", Terminal())
    with quiet.notice("Loading ..."):
        shown = sys.stderr.text()
    assert (shown, sys.stderr.text()) == (("", "") if loaded else ("Loading ...", "Loading ...\r\x1b[K"))


def test_json_has_none(look, tmp_path):
    """It is for programs, also on a terminal."""
    screen = look()
    assert cli.main(["checkpoint", "list", str(tmp_path / "missing"), "--json"]) == 2
    assert parse_json(screen.text())["command"] == "checkpoint list"


@pytest.mark.parametrize("command", ["export", "migrate", "fold"])
def test_help_is_wrapped(monkeypatch, capsys, command):
    """Paragraphs fit the terminal; examples, which are copied, stay as they are."""
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit, match="0"):
        cli.main([command, "--help"])
    help_text = capsys.readouterr().out
    assert [line for line in help_text.splitlines() if len(line) > 80 and not line.startswith("  ")] == []
    assert re.search(rf"\nexamples?:\n  tfbn {command} ", help_text)

"""Names with any character in them: one line of what is printed stays one, and JSON is JSON for every parser."""

from __future__ import annotations

import io
import json
import sys

import pytest
import tensorflow as tf

from tests.cli.strict_json import parse_json
from tfbn import cli, terminal
from tfbn.lines import Lines, one_line, show_name
from tfbn.report import Report, to_json

BAD = "b\nQQ\t\r\x1b[2K\u202e\udcff"
ESCAPED = r"b\nQQ\t\r\x1b[2K\u202e\udcff"


def test_a_name_is_one_line():
    """With quotes it differs from one that has a backslash; letters stay as they are."""
    assert one_line(f"{BAD}: größe") == f"{ESCAPED}: größe"
    assert show_name(BAD) == f"'{ESCAPED}'"
    assert show_name("a\\nb größe") == "a\\nb größe"


def test_a_plain_string_is_one_line(capsys):
    report = Report("probe")
    report.say(f"{BAD}: said")
    report.say(Lines.of([BAD, "second"]))
    assert capsys.readouterr().out == f"{ESCAPED}: said\n{ESCAPED}\nsecond\n"


def test_a_stream_of_ascii(monkeypatch):
    """As in the locale C: what it lacks is escaped, and raises nothing."""
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    terminal.show("größe")
    sys.stdout.flush()
    assert sys.stdout.buffer.getvalue() == b"gr\\xf6\\xdfe\n"


def test_json_has_no_half_of_a_surrogate_pair():
    text = to_json({"a\udcff": ["b\udcff", "ö"]})
    assert json.loads(text) == {r"a\udcff": [r"b\udcff", "ö"]}


@pytest.mark.parametrize(
    "command", ["list {}", "list {} --rename zzz=a", "diagnose {}", "diff {} {}", "convert {} out --to contrib"]
)
@pytest.mark.parametrize("as_json", [False, True])
def test_checkpoints(command, as_json, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = [f"b\nQQ\x1b/{name}" for name in ("moving_mean", "moving_variance")]
    values = [tf.zeros([2]), tf.ones([2])]
    tf.raw_ops.SaveV2(prefix="model", tensor_names=names, shape_and_slices=["", ""], tensors=values)
    arguments = ["checkpoint", *command.replace("{}", "model").split(), *(["--json"] if as_json else [])]
    assert cli.main(arguments) in (0, 1, 2)
    out, err = capsys.readouterr()
    assert not any(line.startswith("QQ") for line in f"{out}\n{err}".splitlines())
    if as_json:
        assert parse_json(out)["command"].startswith("checkpoint ")


def test_a_name_of_a_variable_that_is_not_utf8(tmp_path, capsys):
    names = [b"b\xff/moving_mean", b"b\xff/moving_variance"]
    values = [tf.zeros([2]), tf.ones([2])]
    tf.raw_ops.SaveV2(prefix=f"{tmp_path}/model", tensor_names=names, shape_and_slices=["", ""], tensors=values)
    assert cli.main(["checkpoint", "list", f"{tmp_path}/model"]) == 2
    assert "its name is not UTF-8" in capsys.readouterr().err

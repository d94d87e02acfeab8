"""Names with any character in them: one line of what is printed stays one, and JSON is JSON for every parser."""

from __future__ import annotations

import io
import json
import sys

import pytest
import tensorflow as tf

from tests.cli.strict_json import parse_json
from tests.fold.test_hostile import frozen
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


@pytest.mark.parametrize("collection", ["variables", "trainable_variables"])
def test_collections_of_something_else(collection, tmp_path, capsys):
    with tf.Graph().as_default():
        tf.no_op(name="train")
        meta_graph = tf.compat.v1.train.export_meta_graph()
    meta_graph.collection_def[collection].int64_list.value.append(5)
    (tmp_path / "model.meta").write_bytes(meta_graph.SerializeToString())
    assert cli.main(["audit", f"{tmp_path}/model.meta", "--step", "train"]) == 2
    assert f"whose collection {collection} has variables, got int64_list in it" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["fold {} out.pb", "export {} out.pb --outputs outputs"])
@pytest.mark.parametrize("kind, text", [("name", "is not printable"), ("cut", r"bytes, of which it has")])
def test_graphs(command, kind, text, tmp_path, monkeypatch, capsys):
    """Names that TensorFlow makes for no op, and constants that are cut; nothing is written."""
    monkeypatch.chdir(tmp_path)
    graph_def = frozen(lambda: None)
    if kind == "name":
        graph_def.library.function.add().signature.name = "f\nQQ"
    else:
        node = next(each for each in graph_def.node if each.attr["value"].tensor.tensor_content)
        node.attr["value"].tensor.tensor_content = node.attr["value"].tensor.tensor_content[:-1]
    (tmp_path / "graph.pb").write_bytes(graph_def.SerializeToString())
    assert cli.main(command.format("graph.pb").split()) == 2
    assert text in capsys.readouterr().err
    assert not (tmp_path / "out.pb").exists()


@pytest.mark.parametrize(
    "line",
    [
        "checkpoint diagnose {}",
        "checkpoint diff {} {}",
        "checkpoint convert {} out --to contrib",
        "audit {}.meta --step train --checkpoint {}",
        "export {}.meta out.pb --outputs y",
    ],
)
def test_paths_that_tensorflow_cannot_take(line, tmp_path, monkeypatch, capsys):
    """The error names the file, and not just a place in its name."""
    monkeypatch.chdir(tmp_path)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.identity(tf.compat.v1.get_variable("bn/moving_mean", initializer=tf.ones([3])), name="y")
        tf.no_op(name="train")
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver().save(session, str(tmp_path / "model"))
    for path in list(tmp_path.iterdir()):
        path.rename(path.with_name(path.name.replace("model", "\udcff")))
    assert cli.main(line.replace("{}", "\udcff").split()) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert r"\udcff: expected a name in UTF-8, as TensorFlow takes no other" in error

"""What a user can mend ends with status 2 and a line about it, whatever the command: never with an internal error."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tfbn import cli

tf1 = tf.compat.v1


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A training graph with its checkpoint, a frozen graph, and what is left of them after accidents."""
    path = tmp_path_factory.mktemp("inputs")
    with tf.Graph().as_default(), tf1.Session() as session:
        outputs = tfbn.batch_norm(tf1.placeholder(tf.float32, [None, 3], name="x"), is_training=False, scope="bn")
        tf.identity(outputs, name="y")
        session.run(tf1.global_variables_initializer())
        tf1.train.Saver().save(session, str(path / "model"))
        frozen = tfbn.export.inference_graph(session, ["y:0"]).graph_def
    (path / "frozen.pb").write_bytes(frozen.SerializeToString())
    for name in ("cut", "damaged", "no_data", "a[1]", "two\nlines"):
        for ending in ("index", "meta", "data-00000-of-00001"):
            if (name, ending[0]) != ("no_data", "d"):
                shutil.copy(path / f"model.{ending}", path / f"{name}.{ending}")
    for file in ("cut.index", "cut.meta"):
        content = (path / file).read_bytes()
        (path / file).write_bytes(content[: len(content) // 2])
    data = path / "damaged.data-00000-of-00001"
    data.write_bytes(bytes([data.read_bytes()[0] ^ 255]) + data.read_bytes()[1:])
    (path / "text").write_text("no model\n" * 50)
    for ending in ("h5", "keras", "meta", "pb", "pbtxt", "npz"):
        shutil.copy(path / "text", path / f"text.{ending}")
    (path / "empty.npz").touch()
    np.savez(path / "objects.npz", x=np.array([{}], dtype=object))
    np.savez(path / "whole.npz", x=np.ones([4, 3], np.float32))
    (path / "cut.npz").write_bytes((path / "whole.npz").read_bytes()[:100])
    for name in ("folder", "folder.h5", "folder.npz", "saved", "gone"):
        (path / name).mkdir()
    (path / "saved" / "saved_model.pb").write_text("no model")
    for ending in ("h5", "meta", "pb", "npz", "index"):
        os.mkfifo(path / f"pipe.{ending}")
    (path / "gone" / "checkpoint").write_text('model_checkpoint_path: "gone"\n')
    return path


CHECKPOINTS = [
    ("nothing", "there is no such file"),
    ("", "expected a checkpoint"),
    ("text", "expected a whole checkpoint"),
    ("text.h5", "expected a weights or model file of Keras"),
    ("text.keras", "expected a weights or model file of Keras"),
    ("folder.h5", "expected a weights or model file of Keras"),
    ("folder", "expected a folder with a SavedModel"),
    ("gone", "expected a folder with a SavedModel"),
    ("saved", "expected a SavedModel with variables, got one without"),
    ("cut", "expected a whole checkpoint"),
    ("a[1]", "takes a path with one of * ? [ \\ for a pattern: rename or move the files"),
    ("s3://bucket/model", "File system scheme 's3' not implemented"),
    ("two\nlines.h5", "there is no such file"),
    ("pipe.h5", "got a pipe, a socket or a device"),
    ("pipe", "pipe.index: expected a file or a folder"),
]
CHECKPOINT_ACTIONS = ["list {}", "diagnose {}", "diff {} model", "diff model {}", "convert {} out --to contrib"]
CASES = [
    *(
        (action, name, text)
        for name, text in CHECKPOINTS
        for action in (*CHECKPOINT_ACTIONS, "convert model out --like {}")
        if (action, name) != ("list {}", "a[1]")  # which needs no TensorFlow
    ),
    *((action, "damaged", "is damaged: ") for action in ("diagnose {}", "convert {} out --to contrib")),
    *((action, "no_data", "expected a whole checkpoint") for action in ("diagnose {}", "convert {} out --to contrib")),
]
COMMANDS = [
    *((f"checkpoint {action}", name, text) for action, name, text in CASES),
    *(
        ("export {}.meta out.pb --outputs y", name, "expected a checkpoint that TensorFlow")
        for name in ("damaged", "a[1]")
    ),
    ("export {} out.pb --outputs y", "cut.meta", "expected a MetaGraphDef, got something else"),
    ("export {} out.pb --outputs y", "text.meta", "expected a MetaGraphDef, got something else"),
    ("export {} out.pb --outputs y", "text.pb", "expected a GraphDef, got something else"),
    ("export {} out.pb --outputs y", "saved", "saved_model.pb: expected a SavedModel, got something else"),
    ("export {} out.pb --outputs y", "nothing", "there is no such file"),
    ("export model.meta out.pb --outputs y --checkpoint {}", "text", "expected a checkpoint that TensorFlow reads"),
    ("audit {}", "cut.meta", "expected a MetaGraphDef, got something else"),
    ("audit {}", "text.meta", "expected a MetaGraphDef, got something else"),
    ("audit {}", "frozen.pb", "expected a MetaGraph"),
    ("audit {}", "folder", "expected the file of a MetaGraph (.meta), got a folder"),
    ("audit {}", "nothing", "No such file"),
    ("audit model.meta --step {}", "yy", "expected ops and tensors of the graph, got 'yy'. The nearest names are y"),
    ("audit model.meta --step {}", "\udcff", r"expected ops and tensors of the graph, got '\udcff'"),
    ("audit model.meta --step y --scope {}", "nowhere", "expected a scope of the graph, got 'nowhere'"),
    ("audit model.meta --checkpoint {}", "cut", "expected a whole checkpoint"),
    ("export {} out.pb --outputs y", "pipe.meta", "got a pipe, a socket or a device"),
    ("audit {}", "pipe.meta", "got a pipe, a socket or a device"),
    ("fold {} out.pb", "pipe.pb", "got a pipe, a socket or a device"),
    ("fold frozen.pb out.pb --inputs {}", "pipe.npz", "got a pipe, a socket or a device"),
    ("fold {} out.pb", "text.pb", "expected a GraphDef, got something else"),
    ("fold {} out.pb", "text.pbtxt", "expected a GraphDef, got something else"),
    ("fold {} out.pb", "folder", "expected the file of a frozen GraphDef, got a folder"),
    ("fold {} out.pb", "nothing", "No such file"),
    ("fold frozen.pb out.pb --inputs {}", "folder.npz", "Is a directory"),
    *(
        ("fold frozen.pb out.pb --inputs {}", name, "expected arrays by name, as numpy.savez writes them")
        for name in ("empty.npz", "cut.npz", "text.npz", "objects.npz", "text")
    ),
]


@pytest.mark.parametrize("command, name, text", COMMANDS)
def test_a_line_and_status_2(command, name, text, folder, monkeypatch, capsys):
    """And nothing is written."""
    monkeypatch.chdir(folder)
    before = sorted(folder.iterdir())
    arguments = [name if part == "{}" else part.replace("{}", name) for part in command.split()]
    assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" or arguments[0] == "audit"  # which has listed the layers
    assert err.startswith(f"tfbn {arguments[0]}: ")
    assert text in err
    assert sorted(folder.iterdir()) == before

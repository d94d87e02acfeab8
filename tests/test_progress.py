"""The bar counts on terminals, and never gets in the way."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tfbn import checkpoint, fold
from tfbn.checkpoint.bundle import writing
from tfbn.progress import Progress


@pytest.mark.parametrize(("unit", "total", "count"), [("files", 4, "4/4 files"), ("B", 4000, "4.0/4.0 kB")])
def test_it_counts_on_standard_error(capsys, unit, total, count):
    """Description, count and total are there; standard output is for results."""
    with Progress("Copying", total, unit, show=True) as bar:
        bar.update(3 * total // 4)
        bar.update(total // 4)
    out, err = capsys.readouterr()
    assert out == ""
    assert re.search(rf"Copying .* 100% {count} 0:00:0\d 0:00:00", err), err


def test_no_terminal_no_bar(capsys):
    """Logs are not filled with bars."""
    with Progress("Copying", 4) as bar:
        bar.update()
    assert capsys.readouterr() == ("", "")


def test_rich_is_not_needed(capsys, monkeypatch):
    """The work goes on without a bar."""
    monkeypatch.setitem(sys.modules, "rich", None)
    with Progress("Copying", 4, show=True) as bar:
        bar.update()
    assert capsys.readouterr() == ("", "")


def fold_a_graph(_):
    with tf.Graph().as_default() as graph:
        images = tf.compat.v1.placeholder(tf.float32, [None, 4], name="images")
        outputs = tf.matmul(images, np.full([4, 4], 0.5, np.float32)) * np.float32([2.0, 3.0, 4.0, 5.0])
        outputs = tf.identity(outputs, name="outputs")
    fold.fold_graph(graph.as_graph_def(), ["outputs"], inputs=[{"images": np.ones([2, 4], np.float32)}] * 3)


@pytest.mark.parametrize(
    "work, text",
    [
        (checkpoint.diagnose, "Reading .* 1/1 layers"),
        (lambda path: checkpoint.diff(path, path), "Comparing .* 2/2 variables"),
        (fold_a_graph, "Verifying .* 6/6 runs"),
    ],
    ids=["diagnose", "diff", "fold"],
)
def test_long_work_has_a_bar_on_a_terminal(work, text, tmp_path, monkeypatch, capsys):
    with writing(str(tmp_path / "model"), True) as writer:
        for name in ("norm/moving_mean", "norm/moving_variance"):
            writer.add(name, np.float32([0.5, 2.0]))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    work(str(tmp_path / "model"))
    assert re.search(text, re.sub(r"\x1b\[[\d?;]*\w", "", capsys.readouterr().err))


@pytest.mark.process
def test_commands_on_a_terminal(tmp_path):
    """Audit and export draw their bars there although TensorFlow's own messages are dropped, results stay clean."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        images = tf.compat.v1.placeholder(tf.float32, [None, 4], name="images")
        loss = tf.reduce_mean(tfbn.batch_norm(images, scope="norm"), name="loss")
        tfbn.create_train_op(loss, tf.compat.v1.train.GradientDescentOptimizer(0.1))
        session.run(tf.compat.v1.global_variables_initializer())
        meta = tf.compat.v1.train.Saver().save(session, str(tmp_path / "model")) + ".meta"
    step = "train_op/control_dependency"
    lines = [["audit", meta, "--step", step], ["export", meta, str(tmp_path / "model.pb"), "--outputs", "loss"]]
    source = f"from tfbn import cli\nfor line in {lines}: cli.main(line)"
    reader, terminal = pty.openpty()
    with os.fdopen(reader, "rb", buffering=0) as shown:
        process = subprocess.run([sys.executable, "-c", source], stdout=subprocess.PIPE, stderr=terminal, text=True)
        os.close(terminal)
        drawn = read_all(shown)
    assert process.returncode == 0, drawn
    for text in ("Auditing .* 4/4 steps", "Exporting .* 4/4 steps"):
        assert re.search(text, drawn), drawn
    assert "1 layers, 0 errors" in process.stdout
    assert "ing \u2501" not in process.stdout


def read_all(terminal):
    """What was written to a terminal that no process has open any more, without its control sequences."""
    text = b""
    try:
        while part := terminal.read(4096):
            text += part
    except OSError:  # how Linux reports the end
        pass
    return re.sub(r"\x1b\[[\d?;]*\w", "", text.decode())

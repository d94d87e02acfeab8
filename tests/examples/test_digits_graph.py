"""The digits example, run as users run it: every mode, its exit status, its JSON, its picture and its checkpoint."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import re
import struct
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits_graph.py"


def run(*arguments):
    """The example as a program."""
    return subprocess.run(
        [sys.executable, str(EXAMPLE), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
    )


def load():
    spec = importlib.util.spec_from_file_location("digits_graph", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def call(*arguments):
    """The same as `run`, in this process, which has loaded TensorFlow already."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", [str(EXAMPLE), *map(str, arguments)]),
        contextlib.redirect_stdout(stdout),
        contextlib.redirect_stderr(stderr),
    ):
        status = load().main()
    return subprocess.CompletedProcess(sys.argv, status, stdout.getvalue(), stderr.getvalue())


def check_files(folder, updates):
    names = {path.name for path in folder.iterdir()}
    assert names == {"checkpoint", f"digits-{updates}.png"} | {
        f"digits-{updates}.ckpt{end}" for end in (".index", ".meta", ".data-00000-of-00001")
    }
    picture = (folder / f"digits-{updates}.png").read_bytes()
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", picture[16:24]) == (1600, 500)
    assert len(picture) > 40_000  # three empty panels take 23,000


# 60 steps are enough to see the updates forgotten, 12 too few to get to 98 %.
@pytest.fixture(
    scope="module",
    params=[("collection", 12, run), ("inline", 12, call), ("forgotten", 60, call)],
    ids=lambda param: param[0],
)
def short_run(request, tmp_path_factory):
    updates, steps, start = request.param
    folder = tmp_path_factory.mktemp(updates) / "made" / "by the example"
    options = ["--updates", updates, "--steps", steps, "--seed", 1, "--output-dir", folder, "--json", "--no-progress"]
    done = start(*options)
    assert done.returncode in (0, 1), done.stderr
    return updates, steps, folder, done


def test_json(short_run):
    updates, steps, folder, done = short_run
    result = json.loads(done.stdout)
    assert (result["updates"], result["steps"], result["seed"]) == (updates, steps, 1)
    assert (result["training_digits"], result["held_out_digits"]) == (1347, 450)
    assert result["plot"] == str(folder / f"digits-{updates}.png")
    assert result["checkpoint"] == str(folder / f"digits-{updates}.ckpt")
    assert 0 < result["loss"] < 2.3  # below that of guessing, log(10)
    assert 0 < result["seconds"] < 120


def test_restored_accuracy_is_the_same(short_run):
    result = json.loads(short_run[-1].stdout)
    # Fractions of 450 digits, one of which is in float32.
    assert result["restored_accuracy"] == pytest.approx(result["held_out_accuracy"], abs=1e-6)


def test_exit_status(short_run):
    updates, _, _, done = short_run
    result = json.loads(done.stdout)
    assert result["held_out_accuracy"] < 0.98
    assert result["ok"] is (updates == "forgotten")
    assert done.returncode == (0 if updates == "forgotten" else 1)


def test_moving_statistics_show_run_updates(short_run):
    updates, _, _, done = short_run
    result = json.loads(done.stdout)
    if updates == "forgotten":
        assert result["statistics_untouched"] is True
        assert result["train_accuracy"] > 0.95
        assert result["held_out_accuracy"] < 0.8
        assert result["mean_distance"] > 0.3
    else:
        assert result["statistics_untouched"] is False
        # 0.9**12 = 0.28 of what the initial 0 was away.
        assert result["mean_distance"] < 0.3


def test_files(short_run):
    updates, _, folder, _ = short_run
    check_files(folder, updates)


def test_the_checkpoint_holds_the_moving_statistics(short_run):
    import tensorflow as tf

    updates, _, folder, _ = short_run
    shapes = dict(tf.train.list_variables(str(folder / f"digits-{updates}.ckpt")))
    scopes = {"conv1": 32, "conv2": 32, "conv3": 64, "dense": 64}
    for scope, channels in scopes.items():
        for name in ("beta", "moving_mean", "moving_variance"):
            assert shapes[f"{scope}/BatchNorm/{name}"] == [channels]


def test_nothing_but_its_own_words(short_run):
    """Neither the progress bar, which is not wanted, nor what TensorFlow prints at its start."""
    assert short_run[-1].stderr == ""


def test_comparison(tmp_path):
    """All three ways, each with its files, and a picture of them side by side."""
    done = call("--compare", "--steps", 12, "--output-dir", tmp_path, "--json", "--no-progress")
    result = json.loads(done.stdout)
    assert [(run["updates"], run["ok"]) for run in result["runs"]] == [
        ("collection", False),
        ("inline", False),
        ("forgotten", True),
    ]
    assert done.returncode == 1
    picture = Path(result["plot"]).read_bytes()
    assert struct.unpack(">II", picture[16:24]) == (1200, 400)
    assert len(picture) > 30_000
    assert all(Path(run["plot"]).exists() for run in result["runs"])


def test_full_run(tmp_path):
    done = run("--output-dir", tmp_path)
    assert done.returncode == 0, done.stderr
    held_out, restored = (
        float(re.search(f"{label}.*: +([0-9.]+)%", done.stdout)[1]) for label in ("Held out", "Restored")
    )
    assert held_out >= 98
    assert restored == held_out
    assert "420/420" in done.stderr  # the progress bar
    assert "420/420" not in done.stdout
    assert len(done.stdout.splitlines()) == 5
    assert "Remedy" not in done.stdout
    check_files(tmp_path, "collection")


def test_a_forgetful_run_says_why(tmp_path):
    done = call("--output-dir", tmp_path, "--updates", "forgotten", "--steps", "2", "--no-progress")
    assert done.returncode == 0, done.stderr
    assert "nothing ran the update ops" in done.stdout
    assert "tf.get_collection(tf.GraphKeys.UPDATE_OPS)" in done.stdout


@pytest.mark.parametrize(
    "options, text",
    [
        (["--updates", "maybe"], "invalid choice: 'maybe'"),
        (["--steps", "0"], "argument --steps: expected 1 or more, got 0"),
        (["--steps", "few"], "argument --steps: invalid int value: 'few'"),
        (["--seed", "-1"], "argument --seed: expected 0 or more, got -1"),
        (["--output-dir", str(EXAMPLE / "below")], "argument --output-dir: expected a folder that can be made, got"),
        (["--compare", "--updates", "inline"], "not allowed with argument --compare"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
    ],
)
def test_wrong_usage(options, text, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["digits_graph.py", *options])
    with pytest.raises(SystemExit) as stopped:
        load().main()
    assert stopped.value.code == 2
    assert text in capsys.readouterr().err


def test_help(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["digits_graph.py", "--help"])
    with pytest.raises(SystemExit) as stopped:
        load().main()
    assert stopped.value.code == 0
    shown = capsys.readouterr().out
    assert "--updates {collection,inline,forgotten}" in shown
    assert "Exit status" in shown


@pytest.mark.parametrize("missing", ["matplotlib.figure", "sklearn.datasets", "tqdm"])
def test_missing_extras(missing, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(SystemExit) as stopped:
        load()
    assert stopped.value.code == 3
    shown = capsys.readouterr().err
    assert missing in shown
    assert "pip install 'tfbn[tensorflow,examples]'" in shown

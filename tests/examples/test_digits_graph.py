"""The digits example, run as users run it: every mode, its exit status, its JSON, its picture and its checkpoint."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.examples.program import call, check_picture, run

pytestmark = pytest.mark.slow

NAME = "digits_graph.py"


def check_files(folder, updates):
    names = {path.name for path in folder.iterdir()}
    assert names == {"checkpoint", f"digits-{updates}.png"} | {
        f"digits-{updates}.ckpt{end}" for end in (".index", ".meta", ".data-00000-of-00001")
    }
    check_picture(folder / f"digits-{updates}.png", (1600, 500))


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
    done = start(NAME, *options)
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
    done = call(NAME, "--compare", "--steps", 12, "--output-dir", tmp_path, "--json", "--no-progress")
    result = json.loads(done.stdout)
    assert [(run["updates"], run["ok"]) for run in result["runs"]] == [
        ("collection", False),
        ("inline", False),
        ("forgotten", True),
    ]
    assert done.returncode == 1
    check_picture(Path(result["plot"]), (1200, 400), least=30_000)
    assert all(Path(run["plot"]).exists() for run in result["runs"])


def test_full_run(tmp_path):
    done = run(NAME, "--output-dir", tmp_path)
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
    done = call(NAME, "--output-dir", tmp_path, "--updates", "forgotten", "--steps", "2", "--no-progress")
    assert done.returncode == 0, done.stderr
    assert "nothing ran the update ops" in done.stdout
    assert "tf.get_collection(tf.GraphKeys.UPDATE_OPS)" in done.stdout


def test_help():
    done = call(NAME, "--help")
    assert done.returncode == 0
    assert "--updates {collection,inline,forgotten}" in done.stdout
    assert "Exit status" in done.stdout

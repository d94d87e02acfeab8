"""The example of MonitoredTrainingSession, run as users run it."""

from __future__ import annotations

import json

import pytest
import tensorflow as tf

from tests.examples.program import load, run

pytestmark = pytest.mark.slow

NAME = "monitored_session.py"


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A run with two checkpoints before the interruption and two after; too short for the accuracy it asks for."""
    folder = tmp_path_factory.mktemp("monitored") / "made" / "by the example"
    options = ["--steps", 26, "--save-steps", 8, "--interrupt-at", 21, "--seed", 1, "--output-dir", folder]
    return run(NAME, *options, "--json", "--no-progress", timeout=120), folder


def test_restart_matches_an_uninterrupted_run(done):
    process, _ = done
    assert process.returncode in (0, 1), process.stderr
    result = json.loads(process.stdout)
    assert result["different"] == []
    assert (result["variables"], result["statistics"]) == (41, 8)
    # From the checkpoint on, not from the interruption.
    assert (result["interrupted_at"], result["restarted_at"]) == (21, 16)
    assert result["held_out_accuracy"] > 0.5  # a tenth is guessing; moving statistics that stood still give 0.2
    assert result["ok"] is (process.returncode == 0) is (result["held_out_accuracy"] >= 0.95)


def test_checkpoints_and_summaries(done):
    _, folder = done
    for name in ("undisturbed", "interrupted"):
        for step in (8, 16, 24, 26):
            assert (folder / name / f"model.ckpt-{step}.index").is_file()
        saved = dict(tf.train.list_variables(str(folder / name)))
        assert saved["conv1/BatchNorm/moving_mean"] == [32]
    (events,) = (folder / "undisturbed").glob("events.out.tfevents.*")
    tags = {value.tag for event in tf.compat.v1.train.summary_iterator(str(events)) for value in event.summary.value}
    assert {"loss", "statistics/conv1/BatchNorm/moving_mean"} <= tags


def test_the_log_is_what_no_progress_turns_off(done):
    assert "Saving checkpoints" not in done[0].stderr


def test_batches_follow_from_the_step():
    module = load(NAME)
    digits, _ = module.read_digits(0)
    first = [module.batch(digits, step, 0) for step in range(42)]
    again = [module.batch(digits, step, 0) for step in range(42)]
    assert all((a.images == b.images).all() for a, b in zip(first, again))
    # A pass has each digit at most once, and the next pass has another order.
    assert sum(len(part.labels) for part in first[:21]) == 21 * 64
    assert len({image.tobytes() for part in first[:21] for image in part.images}) == 21 * 64
    assert (first[0].labels != first[21].labels).any()

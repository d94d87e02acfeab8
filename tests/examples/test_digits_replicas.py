"""The example of synchronized training: its processes, the loss of one of them, and the restart."""

from __future__ import annotations

import json
import os
import random
import time

import numpy as np
import pytest
import tensorflow as tf

from tests.examples.program import EXAMPLES, run
from tests.replicas import launch
from tests.selection import SEED

pytestmark = pytest.mark.slow

NAME = "digits_replicas.py"
STEPS = 150
KILLS = min(int(os.environ.get("TFBN_KILLS", "2")), 10)  # each gets ten steps further


def finished(folder, number):
    """What so many processes printed, which a cluster started, and the checkpoint."""
    options = ["--steps", STEPS, "--save-every", 10, "--output-dir", folder, "--json", "--no-progress"]
    printed, *others = launch.together([[EXAMPLES / NAME, *options]] * number, launch.clusters(number))
    assert others == [""] * (number - 1)
    return json.loads(printed), tf.train.load_checkpoint(str(folder / f"ckpt-{STEPS}"))


def values(reader):
    found = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    return {name: value for name, value in found.items() if not isinstance(value, bytes)}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("undisturbed"), 2)


def test_two_processes_learn(undisturbed):
    result, _ = undisturbed
    assert (result["replicas"], result["resumed_at"], result["ok"]) == (2, 0, True)
    assert result["held_out_accuracy"] >= 0.95


def test_training_survives_lost_processes(undisturbed, tmp_path):
    """Killed TFBN_KILLS times, either one at a random step, the other ends with a clear error within a minute.

    Started again, both reach the weights of the undisturbed ones, bit by bit.
    """
    chance = random.Random(SEED)
    for _ in range(KILLS):
        with launch.Processes() as processes:
            options = ["--steps", STEPS, "--save-every", 10, "--output-dir", tmp_path, "--no-progress"]
            for config in launch.clusters(2):
                processes.start(EXAMPLES / NAME, *options, TF_CONFIG=config)
            chance.shuffle(processes.started)
            lost, other = processes.started
            before = tf.train.latest_checkpoint(str(tmp_path))
            patience = time.monotonic() + 180
            while tf.train.latest_checkpoint(str(tmp_path)) == before:
                assert time.monotonic() < patience
                assert other.poll() is None, other.stderr.read()
                time.sleep(0.005)
            time.sleep(chance.uniform(0, 0.1))
            lost.kill()
            printed, errors = other.communicate(timeout=60)
        assert other.returncode == 4, errors[-2000:]
        assert "Another process was lost: " in errors
        assert f"go on from the last checkpoint in {tmp_path}" in errors
        assert printed == ""
    result, reader = finished(tmp_path, 2)
    assert 10 * KILLS <= result["resumed_at"] < STEPS
    expected, found = values(undisturbed[1]), values(reader)
    assert expected.keys() == found.keys()
    assert any("moving_variance" in name for name in found)
    for name, value in expected.items():
        np.testing.assert_array_equal(value, found[name], err_msg=name)


def test_as_a_program(tmp_path):
    """It starts its processes itself; too few steps end with status 1."""
    done = run(NAME, "--workers", 1, "--steps", 2, "--output-dir", tmp_path, timeout=120)
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("1 replicas trained from step 0 to 2.\n")
    assert "NOT GOOD: expected 95%" in done.stdout
    assert "2/2" in done.stderr

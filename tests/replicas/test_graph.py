"""`synchronized=True` in TF1 graphs under strategies, against one device with the whole batch; and without it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from tests.parity import make_reference
from tests.replicas import graph_program, launch

pytestmark = pytest.mark.slow

KINDS = ("mirrored", "mirrored-v1", "workers")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A function from a kind to what its replicas found, an entry for each, and the path of the first's checkpoint."""

    def run(kind):
        folder = tmp_path_factory.mktemp(kind)
        number = 2 if kind == "workers" else 1
        programs = [
            ["-m", "tests.replicas.graph_program", kind, folder / f"{index}.npz", folder / str(index) / "saved"]
            for index in range(number)
        ]
        launch.together(programs, launch.clusters(2) if number == 2 else [None])
        merged = {}
        for *_, file, _ in programs:
            for key, value in np.load(file).items():
                merged.setdefault(key.rpartition("/")[0], []).append(value)
        assert {len(values) for values in merged.values()} == {2}
        return merged, str(folder / "0" / "saved")

    return launch.once(run)


@pytest.fixture(scope="module")
def alone():
    """What one device finds, with the names of all variables."""
    expected = {}
    with tf.Graph().as_default(), tf.Session() as session:
        x, slope = (tf.placeholder(tf.float32, [None, 4, 3, 5]) for _ in range(2))
        is_training = tf.placeholder_with_default(True, [])
        step = {name: graph_program.trained(name, x, slope, is_training) for name in graph_program.PATHS}
        session.run(tf.global_variables_initializer())
        for number in range(2):
            feed = dict(zip((x, slope), graph_program.batch(number)))
            for name, results in session.run(step, {**feed, is_training: number == 0}).items():
                expected.update({f"{name}/{what}/{number}": value for what, value in results.items()})
        for variable in tf.global_variables():
            expected[f"{variable.op.name}/variable"] = session.run(variable)
    return expected


@pytest.mark.parametrize("kind", KINDS)
def test_numbers(found, alone, kind):
    """Outputs, gradients and variables; the statistics with the same bits everywhere."""
    merged, _ = found(kind)
    assert merged.keys() == alone.keys()
    for key, value in alone.items():
        parts = merged[key]
        if key.endswith("/variable"):
            np.testing.assert_array_equal(*parts, err_msg=key)
            got = parts[0]
        else:
            got = np.concatenate(parts) if key.split("/")[1] in ("outputs", "dx") else sum(parts)
        # Sums of 132 terms in another order; of the largest, because terms of gradients cancel.
        np.testing.assert_allclose(got, value, rtol=0, atol=5e-6 * (np.abs(value).max() or 1), err_msg=key)


@pytest.mark.parametrize("kind", KINDS)
def test_checkpoint(found, alone, kind):
    """A Saver's, under the names of one device's."""
    merged, path = found(kind)
    reader = tf.train.load_checkpoint(path)
    names = {key[: -len("/variable")] for key in alone if key.endswith("/variable")}
    assert set(reader.get_variable_to_shape_map()) == names
    for name in names:
        np.testing.assert_array_equal(reader.get_tensor(name), merged[f"{name}/variable"][0], err_msg=name)


def test_not_synchronized_as_in_the_original(original_python, tmp_path):
    """What is saved after a step of two replicas, by name, under MirroredStrategy of TensorFlow 1.15 as of today."""
    if original_python is None:
        pytest.skip("no Python 3.7 for the original")
    program = Path(graph_program.__file__).with_name("apart.py")
    printed = [
        subprocess.check_output([python, program, tmp_path / "saved"], text=True, env=environment, timeout=120)
        for python, environment in (
            (original_python, make_reference.environment()),
            (sys.executable, None),
        )
    ]
    theirs, ours = (json.loads(lines.splitlines()[-1]) for lines in printed)
    assert ours.keys() == theirs.keys()
    assert len(ours) == 9
    for name, value in theirs.items():
        np.testing.assert_allclose(ours[name], value, rtol=2e-6, err_msg=name)


def test_not_synchronized(found):
    """Each replica has statistics of its own share; what is saved is their mean. With zero debias and renorm, too."""
    merged, path = found("mirrored-separate")
    reader = tf.train.load_checkpoint(path)
    x = graph_program.batch(0)[0]
    assert len({name.partition("/")[0] for name in reader.get_variable_to_shape_map()}) == len(graph_program.PATHS)
    for name in reader.get_variable_to_shape_map():
        np.testing.assert_allclose(
            reader.get_tensor(name), np.mean(merged[f"{name}/variable"], 0), rtol=1e-6, err_msg=name
        )
    # In the second step is_training is False there.
    for share, mean in zip(np.split(x, [7]), merged["is_training/moving_mean/variable"]):
        np.testing.assert_allclose(mean, share.mean((0, 1, 2)) / 2, rtol=1e-5)

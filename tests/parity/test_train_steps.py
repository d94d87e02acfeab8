"""create_train_op against tf.contrib.training.create_train_op: names, collections, warnings, errors and numbers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from . import make_reference, train_steps

pytestmark = pytest.mark.process

ROOT = Path(__file__).parent.parent.parent
RECORDED = json.loads(train_steps.RECORDED.read_text())
# Bare assertions in the original: errors that say what was expected here.
REFUSED = {
    "no variables": "expected at least one variable, got none",
    "nothing trainable": "expected at least one variable, got none",
    "not trainable": "expected trainable variables, got 'frozen:0'",
}
STRUCTURE = ("ops", "train_ops", "train_op", "global_step", "summaries", "update_ops")
# Three steps of a small network in float32: some hundred roundings of numbers of order one to ten.
CLOSE = {"rtol": 1e-5, "atol": 1e-6}


def run(python, side, path):
    done = subprocess.run(
        [python, "-W", "ignore", "-m", "tests.parity.train_steps", side, str(path)],
        cwd=ROOT,
        env={**make_reference.environment(), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(path.read_text())


@pytest.fixture(scope="module", params=["v2_off", "v2_on"])
def ours(request, tmp_path_factory):
    return request.param, run(sys.executable, request.param, tmp_path_factory.mktemp(request.param) / "found.json")


def check_numbers(expected, found):
    np.testing.assert_allclose(found["losses"], expected["losses"], **CLOSE)
    assert set(found["variables"]) == set(expected["variables"])
    for name, value in expected["variables"].items():
        np.testing.assert_allclose(found["variables"][name], value, **CLOSE, err_msg=name)
    written, ours = expected.get("written", []), found.get("written", [])
    assert len(written) == len(ours)
    for (norms, tags), (our_norms, our_tags) in zip(written, ours):
        assert our_tags == tags
        assert our_norms == pytest.approx(norms, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("name", train_steps.PROGRAMS)
def test_does_what_the_original_did(name, ours):
    side, results = ours
    expected, found = RECORDED[name], results[name]
    if name in REFUSED:
        assert expected["error"] == {"type": "AssertionError", "text": ""}
        assert found["error"]["type"] == "ValueError"
        assert REFUSED[name] in found["error"]["text"]
        return
    assert found["stage"] == expected["stage"], found["error"]
    if expected["error"]:
        assert found["error"]["type"] == expected["error"]["type"]
        # Up to the names of variables, whose kind is written out.
        assert expected["error"]["text"].split(":")[0].strip() in found["error"]["text"]
    assert [line[: len(known)] for line, known in zip(found["log"], expected["log"])] == expected["log"]
    assert len(found["log"]) == len(expected["log"])
    check_numbers(expected, found)
    if side == "v2_off":
        # With resource variables TensorFlow's own assignments have other names.
        for field in STRUCTURE:
            assert found.get(field) == expected.get(field), field
    else:
        assert found.get("train_op") == expected.get("train_op")


def test_the_recordings_are_what_the_original_does(original_python, tmp_path):
    if original_python is None:
        pytest.skip("NOT COMPARED WITH THE ORIGINAL: no interpreter with TensorFlow 1.15.5 can be built here")
    found = run(original_python, "original", tmp_path / "found.json")
    assert set(found) == set(RECORDED) == set(train_steps.PROGRAMS)
    for name, expected in RECORDED.items():
        numbers = ("losses", "variables", "written")
        assert {key: value for key, value in found[name].items() if key not in numbers} == {
            key: value for key, value in expected.items() if key not in numbers
        }
        check_numbers(expected, found[name])

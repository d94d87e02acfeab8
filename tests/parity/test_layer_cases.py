"""The norms beside batch norm and the layers around them against contrib's: numbers, gradients, names, errors."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from . import layer_cases

pytestmark = pytest.mark.process

ROOT = Path(__file__).parent.parent.parent
RECORDED, ARRAYS = layer_cases.load(layer_cases.RECORDED)
# Of the largest number; tanh's gradient cancels where it saturates.
TOLERANCES = {"float16": 5e-3, "float32": 5e-5, "float64": 1e-6}
REFUSED = [name for name in RECORDED if name.startswith("refused")]


@pytest.fixture(scope="module", params=["v2_off", "v2_on"])
def ours(request, tmp_path_factory):
    path = tmp_path_factory.mktemp(request.param) / "ours.npz"
    command = [sys.executable, "-W", "ignore", "-m", "tests.parity.layer_cases", request.param, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return layer_cases.load(path)


@pytest.mark.parametrize("name", [name for name in RECORDED if name not in REFUSED])
def test_the_same_as_the_original(name, ours):
    structure, arrays = ours
    assert structure[name] == RECORDED[name]
    for key in ("initial", "outputs", "gradients", "losses"):
        if f"{name}: {key}" in ARRAYS:
            expected, tolerance = ARRAYS[f"{name}: {key}"], TOLERANCES[layer_cases.draw()[name].dtype]
            scale = np.abs(expected[np.isfinite(expected)]).max(initial=0.0)
            np.testing.assert_allclose(arrays[f"{name}: {key}"], expected, 0, tolerance * scale, err_msg=key)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_by_the_original(name, ours):
    """With its words first, and then what to do."""
    theirs, mine = RECORDED[name], ours[0][name]
    assert mine["type"] == theirs["type"]
    expected, text = (_alike(error["text"]) for error in (theirs, mine))
    assert text.startswith(expected.rstrip("."))
    assert len(text) > len(expected) + 5


def _alike(text):
    """Unknown sizes, shapes and counted names as both write them."""
    text = text.replace("?", "None").replace("[2, 3, 3, 6]", "(2, 3, 3, 6)")
    return re.sub(r"(of layer \w+?)_\d is", r"\1 is", text)


def test_the_cases_do_what_they_are_for():
    """No call of the recording has failed but those that have to, and all of them are those drawn here."""
    assert set(RECORDED) == {*layer_cases.draw(), *layer_cases.PROGRAMS}
    assert all(RECORDED[name]["case"] == repr(case) for name, case in layer_cases.draw().items())
    assert [name for name, structure in RECORDED.items() if "text" in structure] == REFUSED

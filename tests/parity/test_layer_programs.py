"""What goes with the layers (variables by name, named outputs, regularizers, seeded initializers) against contrib's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from . import layer_programs

pytestmark = pytest.mark.process

ROOT = Path(__file__).parent.parent.parent
RECORDED = json.loads(layer_programs.RECORDED.read_text())
# What the message of an error has to begin with, where that is not the original's whole text.
BEGINS = {"last of unknown": "dimension -1 of shape must be known but is None: (2, ", "unknown mode": "Unknown mode "}


@pytest.fixture(scope="module", params=["v2_off", "v2_on"])
def ours(request, tmp_path_factory):
    path = tmp_path_factory.mktemp(request.param) / "found.json"
    command = [sys.executable, "-W", "ignore", "-m", "tests.parity.layer_programs", request.param, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(path.read_text())


@pytest.mark.parametrize("name", layer_programs.PROGRAMS)
def test_the_same_as_the_original(name, ours):
    assert ours[name] == RECORDED[name]


@pytest.mark.parametrize("name", layer_programs.REFUSED)
def test_refused_as_by_the_original(name, ours):
    assert ours[name]["type"] == RECORDED[name]["type"]
    text = BEGINS.get(name, RECORDED[name]["text"].rstrip("."))
    assert ours[name]["text"].startswith(text)
    # And what to do.
    assert name == "two global steps" or len(ours[name]["text"]) > len(text) + 5


def test_the_programs_do_what_they_are_for():
    """No program of the recordings has failed, and those that have to have."""
    assert set(RECORDED) == {*layer_programs.PROGRAMS, *layer_programs.REFUSED, "names"}
    failed = {name for name, found in RECORDED.items() if isinstance(found, dict) and set(found) == {"type", "text"}}
    assert failed == set(layer_programs.REFUSED)

"""Random cases through the original and through tfbn, live: TFBN_RANDOM_CASES of them, drawn from TFBN_SEED."""

from __future__ import annotations

import os

import pytest

from tests.selection import SEED

from . import live, make_reference, verdict
from .original import Original
from .worker import Worker

pytestmark = [pytest.mark.process, pytest.mark.cases(1000)]

CASES = int(os.environ.get("TFBN_RANDOM_CASES", "20"))
# tf.layers' function and the layers have no paths of their own.
COUNTS = {"batch_norm": CASES, "batch_normalization": CASES // 2, "layers": CASES // 2}


@pytest.fixture(scope="session")
def sides():
    """Runs a case on a side, each in a process of its own."""
    try:
        original = Original()
    except make_reference.NoPython37 as error:
        message = f"THE ORIGINAL WAS NOT RUN, only its recordings are compared: {error}"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{message}. CI needs Python 3.7")
        pytest.skip(message)
    with Worker("v2_off") as v2_off, Worker("v2_on") as v2_on:
        yield {"original": original, "v2_off": v2_off, "v2_on": v2_on}
    original.stop()


@pytest.mark.parametrize(("function", "index"), [(name, i) for name, count in COUNTS.items() for i in range(count)])
def test_random_case_agrees_with_the_original(function, index, sides):
    case = live.DRAW[function](SEED, index)
    expected, found = sides["original"].run(case), sides[live.regime(case)].run(case)
    outcome = live.Outcome(case, expected, found, verdict.judge(case, expected, found, sides["original"].run))
    assert not outcome.verdict.rows, live.report([outcome], SEED)

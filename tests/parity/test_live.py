"""Random cases through the original and through tfbn, live: TFBN_RANDOM_CASES of them, drawn from TFBN_SEED."""

from __future__ import annotations

import os

import pytest

from tests.selection import SEED

from . import comparison, live

pytestmark = [pytest.mark.process, pytest.mark.cases(1000)]

CASES = int(os.environ.get("TFBN_RANDOM_CASES", "20"))
# tf.layers' function and the layers have no paths of their own.
COUNTS = {"batch_norm": CASES, "batch_normalization": CASES // 2, "layers": CASES // 2}


@pytest.mark.parametrize(("function", "index"), [(name, i) for name, count in COUNTS.items() for i in range(count)])
def test_random_case_agrees_with_the_original(function, index, original, worker):
    case = live.DRAW[function](SEED, index)
    expected, found = original.run(case), worker(live.regime(case)).run(case)
    outcome = live.Outcome(case, expected, found, comparison.judge(case, expected, found, original.run))
    assert not outcome.verdict.rows, live.report([outcome], SEED)

"""Random cases through the original and through tfbn, live: TFBN_RANDOM_CASES of them, drawn from TFBN_SEED."""

from __future__ import annotations

import os
import sys

import pytest

from . import live, make_reference
from .original import Original

CASES = int(os.environ.get("TFBN_RANDOM_CASES", "300"))
SEED = int(os.environ.get("TFBN_SEED", str(live.SEED)))
# Of every row and kind, 50 in 1,000 have to get past the build.
FLOOR = 50 / 1000


@pytest.fixture(scope="module")
def original():
    try:
        service = Original()
    except make_reference.NoPython37 as error:
        message = f"THE ORIGINAL WAS NOT RUN, only its recordings are compared: {error}"
        print(message, file=sys.__stderr__)
        if os.environ.get("CI") == "true":
            pytest.fail(f"{message}. CI needs Python 3.7")
        pytest.skip(message)
    yield service
    service.stop()


@pytest.fixture(scope="module")
def outcomes(original):
    print(f"\nparity: {CASES} random cases of TFBN_SEED={SEED}", file=sys.__stderr__)
    found = live.run(SEED, range(CASES), original)
    print(live.summary(found), file=sys.__stderr__)
    return found


def test_random_cases_agree_with_the_original(outcomes):
    differing = [outcome for outcome in outcomes if outcome.verdict.rows]
    assert not differing, f"{len(differing)} of {CASES} cases differ:\n{live.report(differing, SEED)}"


def test_every_row_and_kind_gets_past_the_build(outcomes):
    counted = live.counts(outcomes)
    if CASES < 100:
        pytest.skip(f"{CASES} cases are too few to count: {counted}")
    few = {name: n for found in counted.values() for name, n in found.items() if n < FLOOR * CASES}
    assert not few, f"fewer than {FLOOR * CASES:.0f} of {CASES} cases got past the build for {few}"


def test_a_case_can_be_drawn_again():
    from . import strategies

    assert strategies.draw(SEED, 5) == strategies.draw(SEED, 5)
    assert strategies.draw(SEED, 5) != strategies.draw(SEED + 1, 5)

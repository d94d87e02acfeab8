"""Random cases through the original and through tfbn, live: TFBN_RANDOM_CASES of them, drawn from TFBN_SEED."""

from __future__ import annotations

import contextlib
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
def loud(request):
    """A context in which what is printed reaches the terminal, also from a process of pytest-xdist."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    return capture.global_and_fixture_disabled if capture else contextlib.nullcontext


@pytest.fixture(scope="module")
def original(loud):
    try:
        service = Original()
    except make_reference.NoPython37 as error:
        message = f"THE ORIGINAL WAS NOT RUN, only its recordings are compared: {error}"
        with loud():
            print(f"\n{message}", file=sys.stderr)
        if os.environ.get("CI") == "true":
            pytest.fail(f"{message}. CI needs Python 3.7")
        pytest.skip(message)
    yield service
    service.stop()


@pytest.fixture(scope="module")
def outcomes(original, loud):
    with loud():
        print(f"\nparity: {CASES} random cases of TFBN_SEED={SEED}", file=sys.stderr)
        found = live.run(SEED, range(CASES), original)
        print(live.summary(found), file=sys.stderr)
    return found


def test_random_cases_agree_with_the_original(outcomes):
    differing = [outcome for outcome in outcomes if outcome.verdict.rows]
    assert not differing, f"{len(differing)} of {CASES} cases differ:\n{live.report(differing, SEED)}"
    if CASES < 100:
        return  # too few to count
    counted = live.counts(outcomes)
    few = {name: n for found in counted.values() for name, n in found.items() if n < FLOOR * CASES}
    assert not few, f"fewer than {FLOOR * CASES:.0f} of {CASES} cases got past the build for {few}"

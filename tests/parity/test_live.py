"""Random cases through the original and through tfbn, live: TFBN_RANDOM_CASES of them, drawn from TFBN_SEED."""

from __future__ import annotations

import contextlib
import os
import sys

import pytest

from . import live, make_reference
from .original import Original

CASES = int(os.environ.get("TFBN_RANDOM_CASES", "300"))
# Of tf.layers' function and of the layers, which have no paths of their own: as many as half of the 1,000, and a part
# of the usual 300.
COUNTS = {
    "batch_norm": CASES,
    "batch_normalization": CASES // 2 if CASES >= 1000 else CASES // 3,
    "layers": CASES // 2 if CASES >= 1000 else CASES // 5,
}
SEED = int(os.environ.get("TFBN_SEED", str(live.SEED)))
# Of every row and kind, 50 in 1,000 have to get past the build; of the layers, which are many, 20 of each.
FLOOR = {"batch_norm": 50 / 1000, "batch_normalization": 50 / 1000, "layers": 20 / 1000}


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


@pytest.mark.parametrize("function", COUNTS)
def test_random_cases_agree_with_the_original(function, original, loud):
    count = COUNTS[function]
    with loud():
        print(f"\nparity: {count} random cases of {function}, TFBN_SEED={SEED}", file=sys.stderr)
        outcomes = live.run(SEED, range(count), original, function)
        print(live.summary(outcomes), file=sys.stderr)
    differing = [outcome for outcome in outcomes if outcome.verdict.rows]
    assert not differing, f"{len(differing)} of {count} cases differ:\n{live.report(differing, SEED)}"
    if count < 300:
        return  # too few to count
    counted = live.counts(outcomes)
    few = {name: n for found in counted.values() for name, n in found.items() if n < FLOOR[function] * count}
    assert not few, f"fewer than {FLOOR[function] * count:.0f} of {count} cases got past the build for {few}"

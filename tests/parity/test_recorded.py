"""Every case of the registry, run through tfbn and held against the committed recordings of the original."""

from __future__ import annotations

import zlib

import pytest

from . import case as cases
from . import compare, comparison, differences, recordings
from .registry import registry

pytestmark = pytest.mark.process

REGISTRY = registry()
RECORDED, VERSIONS = recordings.load()


def regime(name: str) -> str:
    """v2 behaviour off for one half of the cases, a graph inside TF2 for the other, always the same."""
    return ("v2_off", "v2_on")[zlib.crc32(name.encode()) % 2]


@pytest.fixture
def ours(worker):
    """Runs a case through tfbn, in the process of its regime."""
    return lambda case: worker(regime(case["name"])).run(case)


def recorded(case: cases.Case):
    """The recorded result of a case, which must be the case that was recorded."""
    result = RECORDED.get(case["name"])
    if result is not None and result["case"] != cases.fingerprint(case):
        pytest.fail(f"{case['name']} has changed since it was recorded: python -m tests.parity.record --write")
    return result


@pytest.mark.cases(60)
@pytest.mark.parametrize("name", REGISTRY)
def test_tfbn_does_what_the_original_did(name, ours):
    case = REGISTRY[name]
    expected = recorded(case)
    assert expected is not None, f"{name} is not recorded: python -m tests.parity.record --write"
    found = comparison.judge(case, expected, ours(case), recorded)
    assert not found.rows, report(case, found)


@pytest.mark.parametrize("entry", differences.LEDGER, ids=lambda entry: entry.name)
def test_a_known_difference_still_differs(entry, ours):
    case = REGISTRY[entry.case]
    expected, found = recorded(case), ours(case)
    rows = compare.differences(case, expected, found)
    assert entry.covers(case)
    assert compare.matching(rows, entry.excuses(case, expected, found)), f"{entry.name} no longer differs: remove it"


def test_two_updates_in_one_run_match_two_runs(ours):
    # What the original makes of them is a matter of chance, which the ledger excuses; what they should come to is not.
    together, apart = REGISTRY["reuse_together"], REGISTRY["reuse/core_fused"]
    assert {**together, "name": "", "calls": ""} == {**apart, "name": "", "calls": ""}
    states = [
        {field: array for field, array in result["arrays"].items() if ".state." in field}
        for result in (recorded(apart), ours(together))
    ]
    assert len(states[0]) == 8
    assert compare.arrays(apart, dict(recorded(apart), arrays=states[0]), states[1]) == []


def test_recordings_have_nothing_else():
    siblings = {f"{name} (instead)" for name in REGISTRY}
    assert set(RECORDED) - siblings == set(REGISTRY)
    assert VERSIONS["tensorflow"] == "1.15.5"
    assert VERSIONS["inputs"] == recordings.inputs(), "data.py has changed: python -m tests.parity.record --write"


def report(case: cases.Case, found: comparison.Verdict) -> str:
    lines = [f"{case['name']} under {regime(case['name'])}:", *map(str, found.rows)]
    if found.known:
        lines.append(f"(known: {', '.join(found.known)})")
    return "\n".join(lines)

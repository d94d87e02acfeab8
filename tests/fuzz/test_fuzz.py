"""A few cases of each fuzzer end without a failure; and a fault makes them fail, with the command that repeats it."""

import pytest

from tests.fuzz.__main__ import KINDS, fuzz
from tests.selection import SEED

CASES = {"numbers": 4, "wiring": 6, "files": 30, "programs": 60}


@pytest.mark.process
@pytest.mark.parametrize("kind", KINDS)
def test_no_failure(kind, tmp_path, capsys):
    assert fuzz(kind, 120.0, SEED, CASES[kind], tmp_path) == [], capsys.readouterr().err
    assert f"{kind}: {CASES[kind]} cases from seed {SEED}, 0 failures" in capsys.readouterr().out

"""One case side by side: what is listed, and what is marked."""

from __future__ import annotations

import numpy as np
import pytest

from . import show

CASE = {"name": "made up"}
EXPECTED = {"stage": "run", "error": None, "collections": {"update_ops": 2, "losses": 1}, "arrays": {}}


def test_a_part_of_a_name_lists_the_cases(capsys):
    assert show.main(["reuse_tog"]) == 0
    assert capsys.readouterr().out.splitlines() == ["reuse_together"]


def test_no_such_case(capsys):
    assert show.main(["nothing like it"]) == 1
    assert "no case has 'nothing like it' in its name" in capsys.readouterr().out


def test_what_differs_has_a_star():
    found = {**EXPECTED, "collections": {"update_ops": 1, "losses": 1}}
    (marked,) = [line for line in show.table(CASE, EXPECTED, found, equal=False).splitlines() if line[0] == "*"]
    assert marked.split() == ["*", "collections.update_ops", "2", "1"]


def test_long_arrays_are_cut():
    assert show.brief(np.array([1.5, 2.0, 0.25, 9.0], np.float32)) == "float32[4] 1.5 2 0.25 ..."


@pytest.mark.process
def test_known_difference_is_reported(capsys):
    """As in the recording, of which nothing else differs."""
    assert show.main(["reuse_together"]) == 0
    printed = capsys.readouterr().out
    assert "known difference: updates of two calls in one run" in printed
    assert "* step0.state.s/moving_mean" in printed

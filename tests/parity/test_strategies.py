"""The random draws: repeatable, describable, and of the row they are drawn for."""

from __future__ import annotations

import collections
import json

from . import case as cases
from . import dispatch, strategies

DRAWN = [strategies.draw(3, index) for index in range(1000)]


def test_a_case_can_be_drawn_again_alone():
    assert strategies.draw(3, 700) == DRAWN[700]
    assert strategies.draw(4, 700) != DRAWN[700]


def test_cases_survive_json():
    assert [json.loads(json.dumps(case)) for case in DRAWN] == DRAWN


def test_cases_take_the_row_they_are_drawn_for():
    elsewhere = [case["name"] for case in DRAWN if f"({dispatch.row(case)})" not in case["name"]]
    # Only an error put into a case afterwards may lead it elsewhere.
    assert len(elsewhere) < len(DRAWN) / 16, elsewhere


def test_every_argument_and_dtype_is_drawn_often():
    names = collections.Counter()
    for case in DRAWN:
        names.update(set(cases.get(case, "arguments")).union(*cases.get(case, "arg_scope")))
        names[cases.get(case, "dtype")] += 1
        names[f"rank {len(cases.get(case, 'shape'))}"] += 1
    with open(__file__.replace("test_strategies.py", "signature.json")) as file:
        arguments = [name for name, *_ in json.load(file)][1:]
    wanted = [*arguments, "float16", "bfloat16", "float32", "float64", *[f"rank {rank}" for rank in range(1, 7)]]
    assert {name: names[name] for name in wanted if names[name] < 20} == {}

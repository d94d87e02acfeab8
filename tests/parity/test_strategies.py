"""The random draws: repeatable, describable, and of the row they are drawn for."""

from __future__ import annotations

import collections
import json
from pathlib import Path

import pytest

from . import case as cases
from . import functions, live, original_path

SIGNATURES = json.loads(Path(__file__).with_name("signature.json").read_text())
DRAWN = {function: [draw(3, index) for index in range(1000)] for function, draw in live.DRAW.items()}
every_function = pytest.mark.parametrize("function", live.DRAW)


@every_function
def test_a_case_can_be_drawn_again_alone(function):
    assert live.DRAW[function](3, 700) == DRAWN[function][700]
    assert live.DRAW[function](4, 700) != DRAWN[function][700]


@every_function
def test_cases_are_for_their_function_and_survive_json(function):
    expected = {layer.name for layer in functions.LAYERS} if function == "layers" else {function}
    assert {cases.get(case, "function") for case in DRAWN[function]} == expected
    assert [json.loads(json.dumps(case)) for case in DRAWN[function]] == DRAWN[function]


@every_function
def test_cases_take_the_row_they_are_drawn_for(function):
    elsewhere = [case["name"] for case in DRAWN[function] if f"{original_path.row(case)})" not in case["name"]]
    # Only an error put into a case afterwards may lead it elsewhere.
    assert len(elsewhere) < len(DRAWN[function]) / 16, elsewhere


@pytest.mark.parametrize("function", ["batch_norm", "batch_normalization"])
def test_every_argument_and_dtype_is_drawn_often(function):
    names = collections.Counter()
    for case in DRAWN[function]:
        names.update(set(cases.get(case, "arguments")).union(*cases.get(case, "arg_scope")))
        names[cases.get(case, "dtype")] += 1
        names[f"rank {len(cases.get(case, 'shape'))}"] += 1
        names[original_path.statistics(case)] += 1
        names["learning rate"] += bool(cases.get(case, "learning_rate"))
    arguments = [name for name, *_ in SIGNATURES[function]][1:]
    wanted = [*arguments, "float16", "bfloat16", "float32", "float64", *[f"rank {rank}" for rank in range(1, 7)]]
    if function == "batch_normalization":
        wanted += [*original_path.STATISTICS, "learning rate"]
    assert {name: names[name] for name in wanted if names[name] < 20} == {}


def test_every_argument_of_every_layer_is_drawn():
    names = collections.Counter()
    for case in DRAWN["layers"]:
        given = set(cases.get(case, "arguments")).union(*cases.get(case, "arg_scope"))
        names.update((cases.get(case, "function"), name) for name in given)
    wanted = [
        (layer.name, argument)
        for layer in functions.LAYERS
        if layer.name in SIGNATURES
        for argument, _, kind in SIGNATURES[layer.name][1:]
        if kind == "POSITIONAL_OR_KEYWORD"
    ]
    assert len(wanted) > 150
    assert [pair for pair in wanted if not names[pair]] == []

"""Which tests run: all of them, or of each function a sample of its cases; and the seed that everything is drawn from.

`make quick` and `make test` run samples, quick of each file's functions as well; `make test-all` runs all. `.ci/run`
runs all functions on the oldest and on the newest TensorFlow, and on each one half of the cases of functions that have
several; slow functions with fewer cases it runs on one of them, all of a file on the same, for they share what they
start.
A sample depends on the seed alone, so that every process of pytest-xdist takes the same and a failure can be repeated.
"""

from __future__ import annotations

import argparse
import os
import random
from typing import Any

import pytest

SEED = int(os.environ.get("TFBN_SEED", "20201"))
MIN_CASES_TO_DIVIDE = 4


def add_options(parser: pytest.Parser) -> None:
    parser.addoption(
        "--cases",
        type=int,
        metavar="N",
        help="run at most N cases of each test function, drawn by TFBN_SEED; a marker `cases` says otherwise",
    )
    parser.addoption(
        "--functions", type=int, metavar="N", help="run at most N test functions of each file, drawn by TFBN_SEED"
    )
    parser.addoption(
        "--part",
        type=parse_part,
        default=(1, 1),
        metavar="K/N",
        help=f"of each test function with {MIN_CASES_TO_DIVIDE} cases or more run the K-th of N equal parts",
    )


def parse_part(text: str) -> tuple[int, int]:
    part, _, count = text.partition("/")
    if not (part.isdigit() and count.isdigit() and 1 <= int(part) <= int(count)):
        raise argparse.ArgumentTypeError(f"expected K/N with K from 1 to N, got {text}")
    return int(part), int(count)


def select(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves the sample in `items`, in their order."""
    limits, part = (config.getoption("--functions"), config.getoption("--cases")), config.getoption("--part")
    if limits == (None, None) and part == (1, 1):
        return
    files: dict[str, dict[str, list[pytest.Item]]] = {}
    for item in items:
        file, function = item.nodeid.partition("::")[0], item.nodeid.partition("[")[0]
        files.setdefault(file, {}).setdefault(function, []).append(item)
    chosen = {
        id(item)
        for file, functions in files.items()
        for function in sample(file, list(functions), limits[0])
        for item in sample(function, divide(functions[function], *part), cases_of(functions[function], limits[1]))
    }
    config.hook.pytest_deselected(items=[item for item in items if id(item) not in chosen])
    items[:] = [item for item in items if id(item) in chosen]


def cases_of(cases: list[pytest.Item], limit: int | None) -> int | None:
    """How many of these cases of a function to run: its marker counts unless a single one is asked for."""
    marker = cases[0].get_closest_marker("cases")
    return marker.args[0] if marker and limit is not None and limit > 1 else limit


def divide(cases: list[pytest.Item], part: int, count: int) -> list[pytest.Item]:
    """The K-th of N parts of the cases of a function, which together are all; all where they are few and not slow."""
    name = cases[0].nodeid.partition("[")[0]
    file = name.partition("::")[0]
    if len(cases) >= MIN_CASES_TO_DIVIDE:
        return sample(name, cases, len(cases))[part - 1 :: count]
    if cases[0].get_closest_marker("slow"):
        return cases if random.Random(file).randrange(count) == part - 1 else []
    return cases


def sample(name: str, population: list[Any], count: int | None) -> list[Any]:
    if count is None or count > len(population):
        return population
    return random.Random(f"{SEED} {name}").sample(population, count)


def seed_everything(name: str) -> int:
    """Seeds Python's and TensorFlow's own random numbers, and returns the seed."""
    import tensorflow as tf

    seed = random.Random(f"{SEED} {name}").randrange(2**31)
    random.seed(seed)
    tf.random.set_seed(seed)
    return seed

"""Which tests run: all of them, or of each function a sample of its cases; and the seed that everything is drawn from.

`make quick` and `make test` run samples, `.ci/run` and `make test-all` everything. A sample depends on the seed alone,
so that every process of pytest-xdist takes the same and a failure can be repeated.
"""

from __future__ import annotations

import os
import random

import pytest

SEED = int(os.environ.get("TFBN_SEED", "20201"))


def add_options(parser: pytest.Parser) -> None:
    parser.addoption(
        "--cases",
        type=int,
        metavar="N",
        help="run at most N cases of each test function, drawn by TFBN_SEED; a marker `cases` says otherwise",
    )


def select(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves the sample in `items`, in their order."""
    limit = config.getoption("--cases")
    if limit is None:
        return
    functions: dict[str, list[pytest.Item]] = {}
    for item in items:
        functions.setdefault(item.nodeid.partition("[")[0], []).append(item)
    chosen = {id(item) for name, cases in functions.items() for item in sample(name, cases, limit)}
    config.hook.pytest_deselected(items=[item for item in items if id(item) not in chosen])
    items[:] = [item for item in items if id(item) in chosen]


def sample(name: str, cases: list[pytest.Item], limit: int) -> list[pytest.Item]:
    marker = cases[0].get_closest_marker("cases")
    count = marker.args[0] if marker and limit > 1 else limit
    if count >= len(cases):
        return cases
    return random.Random(f"{SEED} {name}").sample(cases, count)


def seed_everything(name: str) -> int:
    """Seeds Python's and TensorFlow's own random numbers, and returns the seed."""
    import tensorflow as tf

    seed = random.Random(f"{SEED} {name}").randrange(2**31)
    random.seed(seed)
    tf.random.set_seed(seed)
    return seed

"""The processes of the sides, which all tests of this folder share."""

from __future__ import annotations

import os

import pytest

from . import make_reference
from .original import Original
from .worker import Worker


@pytest.fixture(scope="session")
def worker():
    """The process of a side of tfbn, by its name."""
    workers: dict[str, Worker] = {}

    def of_side(side):
        return workers.setdefault(side, Worker(side))

    yield of_side
    for each in workers.values():
        each.stop()


@pytest.fixture(scope="session")
def original():
    try:
        found = Original()
    except make_reference.NoPython37 as error:
        message = f"THE ORIGINAL WAS NOT RUN, only its recordings are compared: {error}"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{message}. CI needs Python 3.7")
        pytest.skip(message)
    yield found
    found.stop()

"""The names are not those of Python 3, and their successors are."""

from __future__ import annotations

import builtins
import functools  # noqa: F401  # read by name below
import importlib  # noqa: F401
import runpy  # noqa: F401
import sys  # noqa: F401

from tfbn.migrate.rules.python2_names import SUCCESSORS


def test_names_are_of_python_2():
    assert [name for name in SUCCESSORS if hasattr(builtins, name)] == []


def test_successors_are_of_python_3():
    for name, successor in SUCCESSORS.items():
        assert eval(successor, {**globals(), "x": 2, "y": 3}) is not None, name

"""The files that a run is about."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

SUFFIXES = (".py", ".ipynb")
# What nobody means by "the project": version control, environments, caches, what package managers fetched.
SKIPPED = frozenset(
    ".git .hg .svn .bzr .tox .nox .venv venv .eggs .mypy_cache .pytest_cache .ruff_cache .ipynb_checkpoints "
    "__pycache__ node_modules site-packages".split()
)


class Found(NamedTuple):
    """A file, or why something that was to be looked at cannot be."""

    path: str
    problem: str | None = None


def python_files(paths: Iterable[str]) -> Iterator[Found]:
    """Files as they are given, and below directories each .py and .ipynb once, in the order of their names.

    A link to a directory is not followed, so that no loop is walked for ever; a link to a file is.
    """
    seen: set[tuple[int, int]] = set()
    for path in paths:
        if os.path.isdir(path):
            for found in _below(path):
                yield from _once(found, seen)
        else:
            yield from _once(path, seen)


def _below(top: str) -> Iterator[str]:
    for folder, folders, files in os.walk(top):
        folders[:] = sorted(
            name
            for name in folders
            if name not in SKIPPED and not os.path.exists(os.path.join(folder, name, "pyvenv.cfg"))
        )
        for name in sorted(files):
            if name.endswith(SUFFIXES):
                yield os.path.join(folder, name)


def _once(path: str, seen: set[tuple[int, int]]) -> Iterator[Found]:
    try:
        status = os.stat(path)
    except OSError as error:
        reason = "a symbolic link that leads back to itself" if error.errno == errno.ELOOP else error.strerror
        yield Found(path, reason or str(error))
        return
    key = (status.st_dev, status.st_ino)
    if key not in seen:
        seen.add(key)
        yield Found(path)

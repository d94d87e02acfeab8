"""The files of a run."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

from tfbn.migrate.source import ignored
from tfbn.migrate.source.ignored import Patterns

NO_PATTERNS = Patterns(".", ())
SUFFIXES = (".py", ".ipynb")
# Folders that are not the project's code: version control, environments, caches, installed packages.
SKIPPED = frozenset(
    ".git .hg .svn .bzr .tox .nox .venv venv .eggs .mypy_cache .pytest_cache .ruff_cache .ipynb_checkpoints "
    "__pycache__ node_modules site-packages".split()
)


class Candidate(NamedTuple):
    """A file to read, or why one cannot be read."""

    path: str
    problem: str | None = None
    is_ignored: bool = False  # by .gitignore or the settings
    note: str | None = None  # on the search for files, instead of a file


def python_files(paths: Iterable[str], exclude: Patterns = NO_PATTERNS) -> Iterator[Candidate]:
    """The given files, and each .py and .ipynb below given directories once, sorted by name.

    Links to directories are not followed, since they may form loops; links to files are. Files below a directory that
    .gitignore or `exclude` matches are marked as ignored.
    """
    seen: set[tuple[int, int]] = set()
    for path in paths:
        if os.path.isdir(path):
            unreadable: list[OSError] = []
            notes: dict[str, None] = {}
            for file, is_ignored in _below(path, unreadable, notes, exclude):
                yield from [Candidate(file, is_ignored=True)] if is_ignored else _once(file, seen)
            for error in unreadable:
                yield Candidate(error.filename, f"cannot be listed: {error.strerror or error}")
            yield from (Candidate(path, note=note) for note in notes)
        else:
            yield from _once(path, seen)


def open_file(path: str) -> BinaryIO:
    """Opens a regular file to read it. Raises OSError for anything else: a pipe or device may never end."""
    file = open(path, "rb", opener=_open_without_waiting)
    problem = _not_regular(os.fstat(file.fileno()).st_mode)
    if problem:
        file.close()
        raise OSError(problem)
    return file


def _open_without_waiting(path: str, flags: int) -> int:
    """Opening a pipe would wait for its writer; regular files ignore the flag."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _not_regular(mode: int) -> str | None:
    """Why a file is not a regular one; None if it is."""
    if stat.S_ISREG(mode):
        return None
    kinds = {stat.S_IFIFO: "named pipe", stat.S_IFSOCK: "socket", stat.S_IFCHR: "device", stat.S_IFBLK: "device"}
    return f"not a regular file but a {kinds.get(stat.S_IFMT(mode), 'special file')}"


def _below(
    top: str, unreadable: list[OSError], notes: dict[str, None], exclude: Patterns
) -> Iterator[tuple[str, bool]]:
    """Each file, and whether it is ignored."""
    patterns = {top: ignored.above(top)}
    ignored_folders = set()
    for folder, folders, files in os.walk(top, onerror=unreadable.append):
        if folder not in patterns:
            patterns[folder] = (*patterns.get(os.path.dirname(folder), patterns[top]), *ignored.folder_patterns(folder))
        notes.update((problem, None) for lines in patterns[folder] for problem in lines.problems)
        known = (*patterns[folder], exclude)
        folders[:] = sorted(
            name
            for name in folders
            if name not in SKIPPED and not os.path.exists(os.path.join(folder, name, "pyvenv.cfg"))
        )
        here = {os.path.join(folder, name) for name in folders}
        ignored_folders |= {path for path in here if folder in ignored_folders or ignored.is_ignored(path, True, known)}
        for name in sorted(files):
            if name.endswith(SUFFIXES):
                path = os.path.join(folder, name)
                yield path, folder in ignored_folders or ignored.is_ignored(path, False, known)


def _once(path: str, seen: set[tuple[int, int]]) -> Iterator[Candidate]:
    try:
        status = os.stat(path)
    except OSError as error:
        reason = "a symbolic link that leads back to itself" if error.errno == errno.ELOOP else error.strerror
        yield Candidate(path, reason or str(error))
        return
    problem = _not_regular(status.st_mode)
    if problem:
        yield Candidate(path, problem)
        return
    key = (status.st_dev, status.st_ino)
    if key not in seen:
        seen.add(key)
        yield Candidate(path)

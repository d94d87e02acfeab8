"""Refuses input paths that a command would wait for, and targets that would replace what it reads."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def check_is_file_or_folder(path: str | os.PathLike[str]) -> None:
    """Refuses a pipe, whose reader would wait, a socket and a device. A missing path passes.

    Raises:
      ValueError: the path is neither a file nor a folder.
    """
    place = Path(path)
    if place.exists() and not place.is_file() and not place.is_dir():
        raise ValueError(
            f"{place}: expected a file or a folder, got a pipe, a socket or a device. Write its contents to a file "
            "first."
        )


def check_not_input(
    target: str | os.PathLike[str],
    inputs: Iterable[str | os.PathLike[str]],
    replaced: Iterable[str | os.PathLike[str]] = (),
) -> None:
    """Refuses a target that is one of the files read, or a link to one.

    Args:
      target: the path as it was given.
      inputs: the files that are read.
      replaced: what else is written or removed for the target.

    Raises:
      ValueError: it is.
    """
    written = {os.path.realpath(path) for path in (target, *replaced)}
    if written & {os.path.realpath(path) for path in inputs}:
        raise ValueError(
            f"target: expected another path than that of its input, got {os.fspath(target)}. Write to another path, "
            "and rename."
        )


def check_is_utf8(target: str | os.PathLike[str]) -> None:
    """Refuses a target that TensorFlow would write, and cannot.

    Raises:
      ValueError: its absolute path has bytes that are not UTF-8.
    """
    try:
        os.path.realpath(target).encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"target: expected a path in UTF-8, as TensorFlow writes no other, got {os.fspath(target)!r}. Write to "
            "another path, and rename."
        ) from None

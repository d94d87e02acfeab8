"""Refuses input paths that a command would wait for."""

from __future__ import annotations

import os
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

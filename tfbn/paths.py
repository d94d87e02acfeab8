"""Paths of input that no command may wait for."""

from __future__ import annotations

import os
from pathlib import Path


def check_is_file_or_folder(path: str | os.PathLike[str]) -> None:
    """Refuses a pipe, which would be waited for, a socket and a device. What is not there is no concern of it.

    Raises:
      ValueError: something else than a file or a folder is there.
    """
    place = Path(path)
    if place.exists() and not place.is_file() and not place.is_dir():
        raise ValueError(
            f"{place}: expected a file or a folder, got a pipe, a socket or a device. Write its contents to a file "
            "first."
        )

"""The settings of a project for the codemod: `[tool.tfbn]` in its pyproject.toml."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

_HEADER = re.compile(r"""tool["']?\s*\.\s*["']?tfbn""")  # finds the usual spellings on Pythons without a TOML reader


class Settings(NamedTuple):
    """The keys of the table; each is a list of strings."""

    folder: str = "."  # of the file, which `paths` and `exclude` start from
    paths: tuple[str, ...] = ()  # where the command line names none
    exclude: tuple[str, ...] = ()  # patterns as .gitignore has them
    select: tuple[str, ...] = ()  # rules: these alone
    ignore: tuple[str, ...] = ()  # rules: not these


def read_settings(start: str = ".") -> Settings:
    """Reads the table of the nearest pyproject.toml.

    Args:
      start: the folder to begin at; those above it follow.

    Raises:
      ValueError: a file that is not TOML, a key that the table does not have, or a value that is no list of strings.
      ImportError: there is a table, and nothing to read TOML with.
    """
    for folder in (Path(start).resolve(), *Path(start).resolve().parents):
        path = folder / "pyproject.toml"
        if path.is_file():
            try:
                text = path.read_text(encoding="utf-8")
            except UnicodeDecodeError as error:
                raise ValueError(f"{path}: not TOML, which is UTF-8: {error}") from error
            return _parse(path, text)
    return Settings()


def _parse(path: Path, text: str) -> Settings:
    if "tfbn" not in text:
        return Settings()
    table: Any = _loads(path, text)
    for name, key in (("tool", "tool"), ("tool.tfbn", "tfbn")):
        table = table.get(key, {})
        if not isinstance(table, dict):
            raise ValueError(f"{path}: {name}: expected a table, got {table!r}")
    keys = Settings._fields[1:]
    for key, value in table.items():
        if key not in keys:
            raise ValueError(f"{path}: [tool.tfbn] has no key {key!r}: expected {', '.join(keys)}")
        if not (isinstance(value, list) and all(isinstance(item, str) for item in value)):
            raise ValueError(f"{path}: {key} of [tool.tfbn]: expected a list of strings, got {value!r}")
    folder = os.path.relpath(path.parent)
    return Settings(folder, **{key: tuple(value) for key, value in table.items()})


def _loads(path: Path, text: str) -> dict[str, Any]:
    # tomllib exists from Python 3.11 on.
    module = next((name for name in ("tomllib", "tomli") if importlib.util.find_spec(name)), None)
    if module is None:
        if not _HEADER.search(text):
            return {}
        raise ImportError(
            f"{path} has a table [tool.tfbn]: expected Python 3.11, or tomli, to read it with. Install it: pip install "
            "'tfbn[migrate]'."
        )
    toml: Any = importlib.import_module(module)
    try:
        return dict(toml.loads(text))
    except (RecursionError, ValueError) as error:  # also raised for numbers that are too long
        raise ValueError(f"{path}: not TOML: {error}") from error

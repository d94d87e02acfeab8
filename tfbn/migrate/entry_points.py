"""Functions of the project that setup.py, setup.cfg or pyproject.toml install as commands."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

from tfbn.migrate.import_graph import ImportGraph
from tfbn.migrate.source.paths import open_file

FILES = ("setup.py", "setup.cfg", "pyproject.toml")
# `name = package.module:function`, alone or in quotes: all three files spell it like this.
_ENTRY = re.compile(r"""=\s*["']?([A-Za-z_][\w.]*):([A-Za-z_]\w*)""")
MAX_BYTES = 1_000_000


def entry_points(graph: ImportGraph) -> Iterator[tuple[str, ast.FunctionDef]]:
    """The functions that commands call, as pairs of file and definition."""
    functions = set()
    for folder in _folders(graph):
        for name in FILES:
            for module, function in _ENTRY.findall(_read(folder / name)):
                for path in graph.files(str(folder / name), module):
                    functions.add((path, function))
    for path, function in sorted(functions):
        for node in getattr(graph.tree(path), "body", ()):
            if isinstance(node, ast.FunctionDef) and node.name == function:
                yield path, node


def _folders(graph: ImportGraph) -> set[Path]:
    """The folders of the files and those above, up to the first that has .git or one of `FILES`."""
    folders: set[Path] = set()
    for folder in {Path(os.path.abspath(path)).parent for path in graph.project.summaries}:
        for above in (folder, *folder.parents):
            if above in folders:
                break
            folders.add(above)
            if any((above / name).exists() for name in (*FILES, ".git")):
                break
    return folders


def unreadable(graph: ImportGraph) -> Iterator[tuple[Path, str]]:
    """Files that cannot be read, so that commands may be missed, with the reasons."""
    for path in sorted(folder / name for folder in _folders(graph) for name in FILES):
        try:
            if path.lstat() and path.stat().st_size > MAX_BYTES:
                yield path, f"it has more than the {MAX_BYTES} bytes that are searched"
            open_file(str(path)).close()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            yield path, error.strerror or str(error)


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            return ""
        with open_file(str(path)) as file:
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""

"""Functions of the project that an installation makes commands of, by setup.py, setup.cfg or pyproject.toml."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

from tfbn.migrate.import_graph import ImportGraph

FILES = ("setup.py", "setup.cfg", "pyproject.toml")
# `name = package.module:function`, alone or in quotes: all three files spell it like this.
_ENTRY = re.compile(r"""=\s*["']?([A-Za-z_][\w.]*):([A-Za-z_]\w*)""")
MAX_BYTES = 1_000_000


def entry_points(graph: ImportGraph) -> Iterator[tuple[str, ast.FunctionDef]]:
    """The functions that commands call, each after its file."""
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
    """The folders of the files, and those above up to the project's own: that of its repository, or of such a file."""
    folders: set[Path] = set()
    for folder in {Path(os.path.abspath(path)).parent for path in graph.project.summaries}:
        for above in (folder, *folder.parents):
            if above in folders:
                break
            folders.add(above)
            if any((above / name).exists() for name in (*FILES, ".git")):
                break
    return folders


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace") if path.stat().st_size <= MAX_BYTES else ""
    except OSError:
        return ""

"""The files of a run together: which of them imports which, and their syntax, for rules that look across files."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import PurePath

from tfbn.migrate import syntax
from tfbn.migrate.import_graph import ImportGraph
from tfbn.migrate.report import FileReport, Place
from tfbn.migrate.source.notebook import Notebook
from tfbn.migrate.source.paths import open_file
from tfbn.migrate.source.prefilter import FileSummary


class Project:
    """All files of a run by their paths. Those that were not worth parsing have a summary and no report."""

    def __init__(self, reports: Mapping[str, FileReport], summaries: Mapping[str, FileSummary]) -> None:
        self.reports, self.summaries = reports, summaries
        self._by_name: dict[str, list[str]] = {}
        for path in summaries:
            self._by_name.setdefault(module_name(path), []).append(path)

    @cached_property
    def import_graph(self) -> ImportGraph:
        """What the files import from each other, as they will be; built once for all rules."""
        return ImportGraph(self)

    def imported(self, path: str, name: str) -> list[str]:
        """The files that a file may mean by the last part of a module's name; of several, those beside it."""
        paths = self._by_name.get(name, [])
        beside = [other for other in paths if PurePath(other).parent == PurePath(path).parent]
        return beside or paths

    def program(self, path: str) -> set[str]:
        """The file and all that it imports, directly or not."""
        reached, waiting = {path}, [path]
        while waiting:
            current = waiting.pop()
            for name in self.summaries[current].imports:
                new = set(self.imported(current, name)) - reached
                reached |= new
                waiting.extend(new)
        return reached

    def parse(self, path: str) -> tuple[ast.Module, Callable[[int, int], Place]] | None:
        """The syntax tree of a file as it was, and where its lines and columns are; None if it does not parse."""
        try:
            raw = self.reports[path].before if path in self.reports else _read(path)
            if path.endswith(".ipynb"):
                notebook = Notebook(raw)
                return syntax.parse(notebook.source.decode("utf-8")), notebook.place
            return syntax.parse(raw), Place
        except (OSError, SyntaxError, ValueError):
            return None

    def text(self, path: str) -> bytes:
        """A file as it will be; empty for one that cannot be read."""
        try:
            return self.reports[path].after if path in self.reports else _read(path)
        except OSError:
            return b""


def module_name(path: str) -> str:
    """The last part of the name that a file is imported by."""
    name = PurePath(path)
    return name.parent.name if name.stem == "__init__" else name.stem


def _read(path: str) -> bytes:
    with open_file(path) as file:
        return file.read()

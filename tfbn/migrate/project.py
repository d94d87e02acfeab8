"""The files of a run together, for rules that look across files."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from tfbn.migrate.import_graph import ImportGraph
from tfbn.migrate.report import FileReport
from tfbn.migrate.source.paths import open_file
from tfbn.migrate.source.prefilter import FileSummary


class Project:
    """All files of a run by their paths. Those that were not worth parsing have a summary and no report."""

    def __init__(self, reports: Mapping[str, FileReport], summaries: Mapping[str, FileSummary]) -> None:
        self.reports, self.summaries = reports, summaries

    @cached_property
    def import_graph(self) -> ImportGraph:
        """What the files import from each other, as they will be; built once for all rules."""
        return ImportGraph(self)

    def text(self, path: str) -> bytes:
        """A file as it will be; empty for one that cannot be read."""
        try:
            return self.reports[path].after if path in self.reports else _read(path)
        except OSError:
            return b""


def _read(path: str) -> bytes:
    with open_file(path) as file:
        return file.read()

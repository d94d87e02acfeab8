"""The files of a run, as they will be."""

from __future__ import annotations

from collections.abc import Mapping

from tfbn.migrate.report import FileReport
from tfbn.migrate.source.paths import open_file
from tfbn.migrate.source.prefilter import FileSummary


class ProjectFiles:
    """All files of a run by their paths. Those that were not worth parsing have a summary and no report."""

    def __init__(self, reports: Mapping[str, FileReport], summaries: Mapping[str, FileSummary]) -> None:
        self.reports, self.summaries = reports, summaries

    def text(self, path: str) -> bytes:
        """A file as it will be; empty for one that cannot be read."""
        try:
            return self.reports[path].after if path in self.reports else _read(path)
        except OSError:
            return b""


def _read(path: str) -> bytes:
    with open_file(path) as file:
        return file.read()

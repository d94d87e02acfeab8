"""The files of a run together, for rules that look across files."""

from __future__ import annotations

from functools import cached_property

from tfbn.migrate.import_graph import ImportGraph
from tfbn.migrate.project_files import ProjectFiles


class Project(ProjectFiles):
    """The files of a run, and what they import from each other."""

    @cached_property
    def import_graph(self) -> ImportGraph:
        """What the files import from each other, as they will be; built once for all rules."""
        return ImportGraph(self)

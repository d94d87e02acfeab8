"""TensorFlow's names under a name that comes from another file: `from compat import tf`, a star import, `ops.tf`."""

from __future__ import annotations

import ast

from tfbn.errors import Finding
from tfbn.migrate.project import Project
from tfbn.migrate.surroundings import foreign_uses


def names_from_other_files(project: Project, rule: str) -> dict[str, list[Finding]]:
    """Reports, once per name and file, what TensorFlow 2 lacks and the rewriting of both files has left."""
    graph = project.import_graph
    findings: dict[str, list[Finding]] = {}
    for path in filter(graph.may_import_files, graph.relevant()):
        report = project.reports.get(path)
        if report and report.problem:
            continue
        known_places = {finding.where for finding in report.findings} if report else set()
        reported = set()
        for use in foreign_uses(graph, path):
            place = graph.place(path, use.node)
            if not use.is_lacking or use.full in reported or place in known_places:
                continue
            reported.add(use.full)
            text = ast.unparse(use.node)
            message = (
                f"`{text}` is {use.full}, which TensorFlow 2 lacks; `{text.partition('.')[0]}` is from {use.origin}"
            )
            advice = "import tensorflow (or, with --compat-v1, tensorflow.compat.v1) here, and run tfbn migrate again"
            findings.setdefault(path, []).append(Finding(rule, "error", place, message, advice))
    return findings

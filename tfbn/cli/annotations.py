"""What `tfbn migrate` reports in the formats of code review: GitHub's annotations, and SARIF 2.1.0."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

from tfbn.lines import escape_control
from tfbn.migrate.report import FileReport, Place
from tfbn.migrate.rules import RULES
from tfbn.report import to_json
from tfbn.version import installed_version

NOT_MIGRATED = "not-migrated"
# Names in annotations that are not rules.
SUMMARIES = {"imports": "imports follow what was rewritten", NOT_MIGRATED: "the file could not be migrated"}


class Annotation(NamedTuple):
    """A message about a place in a file."""

    path: str
    place: Place | None  # None is the whole file
    rule: str
    level: str  # error or warning
    message: str


def collect(files: Iterable[FileReport], pending: Iterable[str]) -> Iterator[Annotation]:
    """Annotates each finding, each file that could not be migrated, and each pending edit.

    Args:
      files: the reports of a run.
      pending: the paths of files that would change.
    """
    pending = set(pending)
    for file in files:
        if file.problem:
            yield Annotation(file.path, None, NOT_MIGRATED, "error", file.problem)
        for finding in file.findings:
            message = f"{finding.problem}\n{finding.remedy}".rstrip()
            yield Annotation(file.path, finding.where, finding.kind, finding.severity, message)
        for edit in file.edits if file.path in pending else ():
            before, after = edit.before.strip(), edit.after.strip()
            change = f"puts {after!r} here" if not before else f"turns {before!r} into {after!r}"
            yield Annotation(file.path, edit.place, edit.rule, "warning", f"tfbn migrate {change}")


def github(remarks: Iterable[Annotation]) -> str:
    """Workflow commands, which GitHub shows beside the lines of a pull request."""
    return "".join(f"{_command(remark)}\n" for remark in remarks)


def _command(remark: Annotation) -> str:
    properties = {"file": _relative(remark.path)}
    if remark.place and not remark.place.cell:
        properties.update(line=str(remark.place.line), col=str(remark.place.column))
    properties["title"] = f"tfbn {remark.rule}"
    listed = ",".join(f"{name}={_escape(value, ':,')}" for name, value in properties.items())
    return f"::{remark.level} {listed}::{_escape(_in_cell(remark))}"


def _escape(text: str, more: str = "") -> str:
    """Escapes as GitHub's workflow commands require; properties escape `more` characters as well."""
    for character in f"%\r\n{more}":
        text = text.replace(character, f"%{ord(character):02X}")
    return escape_control(text)


def sarif(remarks: Iterable[Annotation]) -> str:
    """A log for code scanning, with all rules and their summaries."""
    summaries = {**{rule.name: rule.summary for rule in RULES}, **SUMMARIES}
    rules = [{"id": name, "shortDescription": {"text": summary}} for name, summary in summaries.items()]
    driver = {"name": "tfbn", "version": installed_version(), "rules": rules}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(remark) for remark in remarks],
    }
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return f"{to_json({'$schema': schema, 'version': '2.1.0', 'runs': [run]})}\n"


def _result(remark: Annotation) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": {"uri": quote(os.fsencode(_relative(remark.path)))}}
    if remark.place and not remark.place.cell:
        location["region"] = {"startLine": remark.place.line, "startColumn": remark.place.column}
    return {
        "ruleId": remark.rule,
        "level": remark.level,
        "message": {"text": _in_cell(remark)},
        "locations": [{"physicalLocation": location}],
    }


def _in_cell(remark: Annotation) -> str:
    """The message, preceded by cell and line for a notebook, for which neither format has fields."""
    place = remark.place
    return f"cell {place.cell}, line {place.line}: {remark.message}" if place and place.cell else remark.message


def _relative(path: str) -> str:
    """The path from the current directory, which both formats take for the root of the repository."""
    return os.path.relpath(path).replace(os.sep, "/")


FORMATS = {"github": github, "sarif": sarif}

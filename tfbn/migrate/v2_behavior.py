"""The rule `compat-v1` over all files of a run: the one that is the program has to switch v2 behaviour off."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from tfbn.migrate.imports import COMPAT_V1, RULE
from tfbn.migrate.report import Edit, FileReport, Finding
from tfbn.migrate.source.paths import open_file

_SWITCHED_OFF = re.compile(rb"\bdisable_(?:v2_behavior|eager_execution)\b")
MESSAGE = "TF1 code, and no file of this run switches v2 behaviour off: none of them looks like the start of a program"
ADVICE = "call tf.disable_v2_behavior(), tf being tensorflow.compat.v1, in the file that is run, before any graph"


def missing_disable_v2_behavior(reports: Mapping[str, FileReport], paths: Iterable[str]) -> dict[str, list[Finding]]:
    """For the first file of TF1 code, if none of all `paths` calls what makes it run."""
    migrated = [
        (path, edit.place)
        for path, report in sorted(reports.items())
        for edit in report.edits
        if _imports_v1(edit) and not report.problem
    ]
    if not migrated or any(_SWITCHED_OFF.search(_source(path, reports)) for path in paths):
        return {}
    path, place = migrated[0]
    return {path: [Finding(place, COMPAT_V1, MESSAGE, ADVICE)]}


def _imports_v1(edit: Edit) -> bool:
    """Whether an edit brings compat.v1 in; those of statements that change for another reason, too, are `imports`."""
    name = "tensorflow.compat.v1"
    return edit.rule == COMPAT_V1 or (edit.rule == RULE and name in edit.after and name not in edit.before)


def _source(path: str, reports: Mapping[str, FileReport]) -> bytes:
    if path in reports:
        return reports[path].after
    try:
        with open_file(path) as file:
            return file.read()
    except OSError:
        return b""

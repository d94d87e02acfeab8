"""Warning and exception types of tfbn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class CompatibilityWarning(UserWarning):
    """The original accepts this call and silently does something else than it seems to ask for; so does tfbn.

    The text names the argument, the effect and the remedy.
    """


class Finding(NamedTuple):
    """Something that an audit found wrong with one layer; `str` gives all of it as text."""

    kind: str  # what `check_updates` and `check_saver` list
    severity: str  # 'error': the step or the checkpoint is wrong; 'warning': it may become so
    layer: str  # the scope of its variables
    problem: str
    remedy: str  # the same for all findings of a kind; several lines, with code

    def __str__(self) -> str:
        return f"{self.severity}: {self.layer}: {self.problem}\n{self.remedy}"


class FindingsError(ValueError):
    """Base of the errors that audits raise; `findings` has the records behind the text, warnings included."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = list(findings)
        super().__init__(_text([finding for finding in self.findings if finding.severity == "error"]))


class UpdatesNotWiredError(FindingsError):
    """`check_updates`: the step leaves moving statistics behind, or changes them in a way that nobody can mean."""


class StatisticsNotSavedError(FindingsError):
    """`check_saver`: the Saver leaves out moving statistics."""


class TrainingModeError(FindingsError):
    """`export`: layers normalize by the batch, and nothing tells by which statistics they would in inference.

    `report` has what the export did up to there.
    """

    def __init__(self, findings: Sequence[Finding], report: object = None) -> None:
        self.report = report
        super().__init__(findings)


def _text(findings: Sequence[Finding]) -> str:
    """Every layer with its problem, and each remedy once."""
    remedies: dict[str, list[Finding]] = {}
    for finding in findings:
        remedies.setdefault(finding.remedy, []).append(finding)
    return "\n".join(
        "\n".join([*(f"{finding.layer}: {finding.problem}" for finding in group), remedy])
        for remedy, group in remedies.items()
    )

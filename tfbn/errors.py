"""Warning and exception types of tfbn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from tfbn.lines import Lines, one_line, show_name


class CompatibilityWarning(UserWarning):
    """The original accepts this call and silently does something other than it seems to ask for; tfbn does the same.

    The text names the argument, the effect and the remedy.
    """


class NoLayersWarning(UserWarning):
    """An audit recognized no batch norm layer in the graph, so its empty list of findings proves nothing."""


class Finding(NamedTuple):
    """Something wrong in a graph, a checkpoint or a source file; `str` gives all of it as text."""

    kind: str  # the rule that reports it
    severity: str  # 'error': what was checked is wrong; 'warning': it may become so
    where: Any  # the scope of a layer's variables, an op, or a place in a file; `str` names it
    problem: str
    remedy: str  # the same for all findings of one cause; may be several lines, with code

    @property
    def layer(self) -> str:
        """The scope of the layer's variables, for findings about layers: the same as `where`."""
        return str(self.where)

    def __str__(self) -> str:
        return f"{self.severity}: {self.where}: {self.problem}\n{self.remedy}"


class FindingsError(ValueError):
    """Base of the errors that audits raise; `findings` has the records behind the text, warnings included."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = list(findings)
        super().__init__(_text([finding for finding in self.findings if finding.severity == "error"]))


class UpdatesNotWiredError(FindingsError):
    """`check_updates`: the step leaves moving statistics behind, or updates them in a way that cannot be intended."""


class StatisticsNotSavedError(FindingsError):
    """`check_saver`: the Saver leaves out moving statistics, or asks for what a checkpoint does not have."""


class TrainingModeError(FindingsError):
    """`export`: layers normalize by the batch, and the graph does not show their statistics for inference.

    `report` has what the export did until then.
    """

    def __init__(self, findings: Sequence[Finding], report: object = None) -> None:
        self.report = report
        super().__init__(findings)


def _text(findings: Sequence[Finding]) -> str:
    """Every layer with its problem, and each remedy once."""
    remedies: dict[str, list[Finding]] = {}
    for finding in findings:
        remedies.setdefault(finding.remedy, []).append(finding)
    return Lines(
        "\n".join(
            "\n".join([*(f"{show_name(str(each.where))}: {one_line(each.problem)}" for each in group), remedy])
            for remedy, group in remedies.items()
        )
    )

"""How the commands report: findings, rows and figures as text or as strict JSON, and their exit statuses."""

from __future__ import annotations

import argparse
import json
import math
import os
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

from tfbn.errors import Finding
from tfbn.lines import Lines, one_line, shorten, show_name
from tfbn.terminal import show

_MAX_ERROR_LINE = 4000
JSON_VERSION = 1  # of the format; raised by each change that programs have to adapt to

OK, FINDINGS, WRONG_INPUT, INTERNAL_ERROR = 0, 1, 2, 70
INTERRUPTED = 130  # as a shell reports a program that Ctrl-C ended

EXIT_STATUSES = """\
exit status:
    0  no findings of severity error, or as --fail-on asks; also when the
       reader closes the pipe
    1  findings that fail the command (migrate: only with --check, as do files
       that would change; fold: a batch norm that is not folded is an error)
    2  wrong arguments, or input that cannot be read
   70  an internal error: please report it, with what --debug prints
  130  interrupted
"""

# The severities that give status 1, by the argument of --fail-on.
FAILING = {"warning": ("warning", "error"), "error": ("error",), "never": ()}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options that every command has."""
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.add_argument(
        "--fail-on",
        choices=tuple(FAILING),
        default="error",
        help="the least severity that gives exit status 1 (default: %(default)s)",
    )
    parser.add_argument("--debug", action="store_true", help="print the traceback of an error")


class Report:
    """The output of a command: text is printed at once, JSON as one object when the command ends.

    Attributes:
      command: its name, with its action.
      activity: what the command does, to which file; the text of an internal error names it.
      findings: records that decide the exit status.
      summary: figures, by name.
      fields: what else the JSON object has, by name.
      status: the exit status of a command that ends without an error, as the findings ask for unless it is set.
    """

    def __init__(self, command: str, as_json: bool = False, fail_on: str = "error") -> None:
        self.command, self.as_json, self.fail_on = command, as_json, fail_on
        self.activity = f"running tfbn {command}"
        self.findings: list[Finding] = []
        self.summary: dict[str, Any] = {}
        self.fields: dict[str, Any] = {}
        self._status: int | None = None

    @property
    def status(self) -> int:
        if self._status is not None:
            return self._status
        return FINDINGS if any(finding.severity in FAILING[self.fail_on] for finding in self.findings) else OK

    @status.setter
    def status(self, status: int) -> None:
        self._status = status

    def say(self, text: object, file: TextIO | None = None) -> None:
        """Shows a text, on standard output by default; nothing where JSON is asked for.

        A string is one line, unless it is of `Lines`; anything else is a table or the like, which has its own.
        """
        if not self.as_json:
            show(layout(text), file)

    def say_findings(self, file: TextIO | None = None) -> None:
        """Prints each finding with its place, and a remedy once below consecutive findings that share it."""
        merged = merge_findings(self.findings)
        following = [finding.remedy for _, finding in merged[1:]] + [""]
        for (places, finding), next_remedy in zip(merged, following):
            lines = [f"{show_name(place)}: {finding.kind}: {finding.problem}" for place in places]
            remedy = finding.remedy if finding.remedy != next_remedy else ""
            self.say(Lines.of([*lines, *textwrap.indent(textwrap.dedent(remedy), "    ").splitlines()]), file)

    def to_json(self, error: str | None = None) -> str:
        """The object that `--json` prints."""
        findings = [{**finding._asdict(), "where": places} for places, finding in merge_findings(self.findings)]
        counts = {
            f"{severity}s": sum(finding.severity == severity for finding in self.findings)
            for severity in ("error", "warning")
        }
        value = {
            "version": JSON_VERSION,
            "command": self.command,
            **self.fields,
            "findings": findings,
            "summary": {**self.summary, **counts},
        }
        return to_json(value if error is None else {**value, "error": error})


def layout(text: object) -> str:
    """What is shown of it: a plain string in one line."""
    return one_line(text) if isinstance(text, str) and not isinstance(text, Lines) else str(text)


def merge_findings(findings: Iterable[Finding]) -> list[tuple[list[str], Finding]]:
    """Merges findings that differ only in their places: their places, and the first of them."""
    merged: dict[tuple[str, ...], tuple[list[str], Finding]] = {}
    for finding in findings:
        cause = (finding.kind, finding.severity, finding.problem, finding.remedy)
        merged.setdefault(cause, ([], finding))[0].append(str(finding.where))
    return list(merged.values())


def to_json(value: Any) -> str:
    """JSON as RFC 8259 has it: NaN and the infinities become the strings "NaN", "Infinity" and "-Infinity".

    Bytes of names that are not UTF-8 become text such as `\\udcff`: of halves of surrogate pairs, which Python has in
    their place, other parsers make an error or something else.
    """
    return json.dumps(_plain(value), indent=2, allow_nan=False)


def _plain(value: Any) -> Any:
    """The value in dicts, lists, strings, finite numbers, booleans and None."""
    if isinstance(value, Mapping):
        return {_plain(str(name)): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, os.PathLike):
        return _plain(os.fspath(value))
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if hasattr(value, "tolist"):  # NumPy's arrays and scalars
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def describe_error(error: BaseException) -> str:
    """The message with the file that it is about, which an OSError keeps apart; of `Lines` where it has several.

    Names in files may have thousands of characters: of a line that is as long, the middle is left out.
    """
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, UnicodeEncodeError):  # which names no more than a place in the name
        return f"{error.object}: expected a name in UTF-8, as TensorFlow takes no other. Rename it."
    if len(error.args) == 1 and isinstance(error.args[0], Lines):
        return Lines("\n".join(shorten(line, _MAX_ERROR_LINE) for line in error.args[0].split("\n")))
    return shorten(str(error), _MAX_ERROR_LINE) or type(error).__name__

"""The changes that rules make to one file, collected and then applied together."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from tfbn.errors import Finding
from tfbn.migrate.module import Module
from tfbn.migrate.report import Edit, Place


class Change(NamedTuple):
    """A span of the text and its replacement."""

    start: int
    end: int
    text: str
    rule: str


class Changes:
    """Edits and findings of one module."""

    def __init__(self, module: Module, enabled: Collection[str]) -> None:
        self.module = module
        self.enabled = enabled
        self.changes: list[Change] = []
        self.findings: list[Finding] = []
        self.needed: set[str] = set()  # names that new text uses, and whose imports have to stay
        self.modules: dict[str, str] = {}  # imports to add: the local name, and the statement
        self.v1_imports = ""  # the rule that wants `import tensorflow as tf` to become the compat.v1 import
        self.dead_imports = ""  # the rule that wants unused imports of dead modules removed
        self.is_program = False  # the file is run: v2 behaviour is switched off below its imports
        self.trains_batch_norm = False
        self.kept: set[int] = set()  # ids of uses that stay, since their replacement would behave differently

    def replace(self, node: Any, text: str, rule: str) -> None:
        start, end = self.module.span(node)
        self.replace_span(start, end, text, rule)

    def replace_span(self, start: int, end: int, text: str, rule: str) -> None:
        self.changes.append(Change(start, end, text, rule))

    def find(self, node: Any, rule: str, message: str, advice: str, *, severity: str = "error") -> None:
        place = Place(*self.module.lines.place(self.module.span(node)[0]))
        self.findings.append(Finding(rule, severity, place, message, advice))

    def use(self, name: str, statement: str) -> None:
        """Notes that new text uses a module under this name; `statement` imports it if nothing else does."""
        self.modules.setdefault(name, statement)

    def covers(self, node: Any) -> bool:
        """Whether a change replaces the node."""
        start, end = self.module.span(node)
        return any(change.start <= start and end <= change.end for change in self.changes)

    def revise(self, start: int, end: int, text: str, rule: str) -> None:
        """Replaces a span of the new text; the changes that overlap it are merged with it."""
        shift, shift_before = 0, 0
        touched: list[tuple[Change, int, int]] = []  # with their spans in the new text
        for change in sorted(self.changes, key=lambda change: (change.start, change.end)):
            new_start = change.start + shift
            new_end = new_start + len(change.text.encode("utf-8"))
            shift = new_end - change.end
            if new_start <= end and start <= new_end:
                touched.append((change, new_start, new_end))
            elif new_end < start:
                shift_before = shift
        if not touched:
            self.replace_span(start - shift_before, end - shift_before, text, rule)
            return
        first, first_start, _ = touched[0]
        last, _, last_end = touched[-1]
        new, low, high = self.apply()[0], min(start, first_start), max(end, last_end)
        self.changes = [change for change in self.changes if all(change is not other for other, *_ in touched)]
        text = new[low:start].decode("utf-8") + text + new[end:high].decode("utf-8")
        self.replace_span(first.start - (first_start - low), last.end + (high - last_end), text, rule)

    def apply(self) -> tuple[bytes, tuple[Edit, ...]]:
        """The new text, and a record of each edit in the order of the text.

        Raises AssertionError where two edits overlap, which is a bug of the rules.
        """
        data, position = self.module.data, 0
        parts: list[bytes] = []
        edits = []
        for change in sorted(self.changes, key=lambda change: (change.start, change.end)):
            if change.start < position:
                raise AssertionError(f"two rules want the same text changed: {change}")
            before = data[change.start : change.end].decode("utf-8")
            parts += [data[position : change.start], change.text.encode("utf-8")]
            position = change.end
            if before != change.text:
                edits.append(Edit(Place(*self.module.lines.place(change.start)), change.rule, before, change.text))
        return b"".join([*parts, data[position:]]), tuple(edits)

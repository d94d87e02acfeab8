"""The report of an export."""

from __future__ import annotations

from typing import Any, NamedTuple

from tfbn.errors import Finding
from tfbn.export.pipelines import PipelineInput
from tfbn.export.rewrite import Rewritten


class Report(NamedTuple):
    """What was pinned, rewritten, frozen and refused; `str` gives it as text, `as_dict` for JSON."""

    inputs: tuple[str, ...] = ()  # tensors to feed
    outputs: tuple[str, ...] = ()
    pipeline: tuple[PipelineInput, ...] = ()  # those inputs that an input pipeline computed
    layers: tuple[str, ...] = ()  # scopes of the batch norm layers, all of which normalize by their moving statistics
    pinned: tuple[str, ...] = ()  # ops that were replaced by a constant that says: no training
    rewritten: tuple[Rewritten, ...] = ()  # layers built with is_training=True
    updates: tuple[str, ...] = ()  # ops that assign a variable, and that the outputs no longer wait for
    frozen: tuple[str, ...] = ()  # variables that became constants
    kept: tuple[str, ...] = ()  # variables that stayed variables
    left_training: tuple[str, ...] = ()  # ops that normalize by the batch because of `keep_training`
    refused: tuple[Finding, ...] = ()  # layers whose moving statistics are unknown
    unrecognized: tuple[Finding, ...] = ()  # warnings: normalizations by the batch that belong to no known layer
    never_updated: tuple[Finding, ...] = ()  # warnings: layers whose statistics have their initial values

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Possible problems of an export that was written."""
        return (*self.unrecognized, *self.never_updated)

    def as_dict(self) -> dict[str, Any]:
        """The report as lists, dicts and strings only."""
        records = ("pipeline", "rewritten", "refused", "unrecognized", "never_updated")
        rows = {name: [each._asdict() for each in getattr(self, name)] for name in records}
        return {name: rows.get(name, list(value)) for name, value in self._asdict().items()}

    def __str__(self) -> str:
        known = self.layers or self.left_training or self.refused
        lines = [
            _line("inputs", self.inputs),
            *(f"input pipeline cut at: {each}" for each in self.pipeline),
            _line("outputs", self.outputs),
            "" if known else "0 batch norm layers recognized",
            _line("normalize by their moving statistics", self.layers),
            _line("pinned to False", self.pinned),
            *(f"rewritten: {each.layer}: {_REWRITTEN} {_SOURCES[each.source]}" for each in self.rewritten),
            _line("updates left out", self.updates),
            _line("variables frozen", self.frozen),
            _line("variables kept", self.kept),
            _line("left in training mode, as asked", self.left_training),
            *(f"refused: {each.where}: {each.problem}" for each in self.refused),
            *(f"unrecognized: {each.problem}" for each in self.unrecognized),
            _line("never updated", tuple(str(each.where) for each in self.never_updated)),
            *(f"    {text}" for each in self.never_updated[:1] for text in (each.problem, *_lines(each.remedy))),
        ]
        return "\n".join(line for line in lines if line)


_REWRITTEN = "built with is_training=True; its moving statistics are known by"
_SOURCES = {
    "updates": "the updates of its fused op",
    "registry": "what tfbn remembers of building it",
    "averages": "the averages of what it normalizes by",
}


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines()]


def _line(title: str, names: tuple[str, ...]) -> str:
    count = f" ({len(names)})" if len(names) > 1 else ""
    return f"{title}{count}: {', '.join(names)}" if names else ""

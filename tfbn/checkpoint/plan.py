"""What a conversion will write, decided and shown before anything is written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import numpy as np

from tfbn.checkpoint import layers, object_graph, values
from tfbn.checkpoint.layers import AFFINE, DEBIAS, SHORT_NAMES, STATISTICS, join, split
from tfbn.checkpoint.reader import Entry, Reader
from tfbn.checkpoint.tables import natural, shown, table
from tfbn.checkpoint.values import Value

T = TypeVar("T")

# What layers are called by default under these names.
_DEFAULT_SCOPES = {"contrib": ("batch_normalization", "BatchNorm"), "tf.layers": ("BatchNorm", "batch_normalization")}
_WIDTH = {"bfloat16": 16, "float16": 16, "float32": 32, "float64": 64}


class Step(NamedTuple):
    """One variable of the target."""

    name: str  # in the target
    value: Value


@dataclass
class Plan:
    """What a conversion writes; `str` is a table of it.

    Attributes:
      steps: the variables of the target, in the order of writing.
      lost: dict from paths in the source that have no place in the target to the reason.
      unmatched: dict from paths in the target that nothing in the source fits to the reason.
      allowed: the paths among these that `allow` names.
      left_out: paths in the source that the arguments leave out or merge into others.
    """

    source: str
    target: str
    to: str
    steps: list[Step] = field(default_factory=list)
    lost: dict[str, str] = field(default_factory=dict)
    unmatched: dict[str, str] = field(default_factory=dict)
    allowed: set[str] = field(default_factory=set)
    left_out: list[str] = field(default_factory=list)

    @property
    def refused(self) -> bool:
        """Whether something would be lost or stay unmatched that is not allowed."""
        return not {*self.lost, *self.unmatched} <= self.allowed

    def __str__(self) -> str:
        rows = [
            (step.name, shown(step.value.shape), step.value.dtype, step.value.origin or "-", step.value.change)
            for step in self.steps
        ]
        lines = [f"{self.source} -> {self.target} ({self.to})", ""]
        lines += [table([("target", "shape", "dtype", "from", "change"), *rows])]
        if self.left_out:
            lines += ["", "left out, as the arguments say:", *(f"  {path}" for path in self.left_out)]
        return "\n".join([*lines, *self.problems()])

    def as_json(self) -> dict[str, Any]:
        """What `str` shows, for machines."""
        steps = [
            {"target": name, "shape": value.shape, "dtype": value.dtype, "from": value.origin, "change": value.change}
            for name, value in self.steps
        ]
        head = {"source": self.source, "target": self.target, "to": self.to, "steps": steps, "left_out": self.left_out}
        return {**head, "lost": self.lost, "unmatched": self.unmatched, "allowed": sorted(self.allowed)}

    def problems(self, only_refused: bool = False) -> list[str]:
        lines = []
        for title, found in (
            ("lost, because the target has no place for them:", self.lost),
            ("unmatched, because the source has nothing for them:", self.unmatched),
        ):
            chosen = {path: reason for path, reason in found.items() if not (only_refused and path in self.allowed)}
            if chosen:
                lines += ["", title]
                lines += [
                    f"  {path}{': ' + reason if reason else ''}{' (allowed)' if path in self.allowed else ''}"
                    for path, reason in sorted(chosen.items(), key=lambda item: natural(item[0]))
                ]
        return lines

    def check(self, listed: bool = False) -> None:
        """Raises ValueError where the plan is not to be carried out; without the variables that the user has seen."""
        if self.refused:
            first = next(path for path in (*self.lost, *self.unmatched) if path not in self.allowed)
            raise ValueError(
                f"expected a place in {self.target} for all variables of {self.source}, and a value for each there, "
                "got variables without."
                + ("" if listed else "\n".join(self.problems(only_refused=True)))
                + "\nRename what is called otherwise, rename=[(pattern, replacement)] or --rename PATTERN=REPLACEMENT. "
                f"Allow by name what may be so: allow=[{re.escape(first)!r}], or --allow {re.escape(first)!r}."
            )


def make(
    reader: Reader,
    target: str,
    to: str,
    like: Reader | None,
    options: values.Options,
    rename: Sequence[tuple[str, str]],
    allow: Sequence[str],
) -> Plan:
    """The plan for a source, without or with a checkpoint whose names and shapes the target is to have."""
    found = values.carried(reader, options)
    wanted = renamed(found.values, rename)
    plan = Plan(reader.path, target, to, left_out=found.left_out)
    if like is not None:
        _match(plan, wanted, like, options)
    else:
        _place(plan, wanted, to)
    plan.allowed = {
        path for path in (*plan.lost, *plan.unmatched) if any(re.fullmatch(pattern, path) for pattern in allow)
    }
    if like is not None:
        _force(plan, wanted, like)
    plan.steps.sort(key=lambda step: natural(step.name))
    return plan


def renamed(found: Mapping[str, T], rename: Iterable[tuple[str, str]]) -> dict[str, T]:
    """What is found by its paths, by those that the pairs of a pattern and its replacement make of them."""
    names = {path: path for path in found}
    for pattern, replacement in rename:
        try:
            changed = {path: re.sub(pattern, replacement, name) for path, name in names.items()}
        except (re.error, IndexError) as error:
            raise ValueError(
                f"rename: expected a regular expression and its replacement, got {pattern!r} and {replacement!r}: "
                f"{error}."
            ) from error
        if not any(re.search(pattern, name) for name in names.values()):
            raise ValueError(
                f"rename: expected a pattern that is found in a name, got {pattern!r}. The names are "
                f"{sorted(names.values(), key=natural)}."
            )
        names = changed
    return _unique(names, found)


def _unique(names: Mapping[str, str], found: Mapping[str, T]) -> dict[str, T]:
    made: dict[str, str] = {}
    for path, name in names.items():
        if name in made:
            raise ValueError(
                f"rename: expected a name of its own for each variable, got {name!r} for {made[name]} and {path}."
            )
        made[name] = path
    return {name: found[path] for name, path in made.items()}


def _place(plan: Plan, wanted: dict[str, Value], to: str) -> None:
    """Names that follow from the source's alone."""
    scopes = {split(path)[0] for path in wanted if split(path)[1] in STATISTICS}
    names: dict[str, str] = {}
    for path, value in wanted.items():
        scope, short = split(path)
        names[path] = path
        if object_graph.SLOT in path.split("/"):
            plan.lost[path] = "an optimizer's slot, which only a program can place; save one there and give it as like"
        elif scope in scopes and short in DEBIAS and to == "tf.layers":
            plan.lost[path] = 'tf.layers has no zero debias; leave it out with zero_debias="drop"'
        elif scope in scopes and to == "BatchNorm" and short in SHORT_NAMES and _flat(value) is not None:
            wanted[path] = values.reshaped(value, _flat(value) or (), value.dtype)
    if to in _DEFAULT_SCOPES:
        old, new = _DEFAULT_SCOPES[to]
        for path in wanted:
            scope = path
            while "/" in scope:
                scope = split(scope)[0]
                if scope in scopes:
                    around, last = split(scope)
                    names[path] = join(around, re.sub(rf"^{old}(_\d+)?$", rf"{new}\1", last)) + path[len(scope) :]
                    break
    kept = _unique({path: name for path, name in names.items() if path not in plan.lost}, wanted)
    renamed_scopes = {split(name)[0] for path, name in names.items() if split(path)[1] in STATISTICS}
    for path, value in kept.items():
        scope, short = split(path)
        if to == "BatchNorm":
            plan.steps.append(Step(object_graph.name_of(path), value))
        elif scope in renamed_scopes and short in DEBIAS:
            plan.steps.append(Step(f"{scope}/{scope}/moving_mean/{short}".lstrip("/"), value))
        else:
            plan.steps.append(Step(path, value))
    if to == "BatchNorm":
        # As tf.train.Checkpoint.save writes it; without it `restore` takes the checkpoint for an incomplete one.
        counter = Value((), "int64", "", "for tf.train.Checkpoint.restore", lambda: np.array(1))
        plan.steps.append(Step(object_graph.name_of(object_graph.COUNTER), counter))


def _flat(value: Value) -> tuple[int, ...] | None:
    """[C] for a shape of [1, 1, 1, C] or so, where the ones tell nothing."""
    if len(value.shape) > 1 and sum(size != 1 for size in value.shape) <= 1:
        return (max(value.shape),)
    return None


def _match(plan: Plan, wanted: dict[str, Value], like: Reader, options: values.Options) -> None:
    """Names and shapes of another checkpoint."""
    for name, path in _canonical(like).items():
        entry = like.entries[name]
        if not path:
            plan.steps.append(Step(name, _of_like(like, entry)))
            continue
        value = wanted.get(path) or _made_up(path, wanted, options)
        if value is None:
            plan.unmatched[path] = ""
        elif not _fits(value, entry):
            plan.unmatched[path] = (
                f"{shown(value.shape)} of {value.dtype} does not fit {shown(entry.shape)} of {entry.dtype}"
            )
        else:
            plan.steps.append(Step(name, values.reshaped(value, entry.shape, entry.dtype)))
    placed = set(_canonical(like).values())
    plan.lost.update({path: "" for path in wanted if path not in placed})


def _force(plan: Plan, wanted: Mapping[str, Value], like: Reader) -> None:
    """What is allowed to stay unmatched keeps the value that it has there, or takes one and loses digits."""
    for name, path in _canonical(like).items():
        if path in plan.unmatched and path in plan.allowed:
            entry, value = like.entries[name], wanted.get(path)
            narrowed = value is not None and _same_elements(value.shape, entry.shape) and value.dtype in _WIDTH
            if value is not None and narrowed and entry.dtype in _WIDTH:
                plan.steps.append(Step(name, values.reshaped(value, entry.shape, entry.dtype)))
            else:
                plan.steps.append(Step(name, _of_like(like, entry)))


def _canonical(reader: Reader) -> dict[str, str]:
    entries = reader.entries.values()
    return values.canonical(entries, layers.find(entries).layers)


def _of_like(like: Reader, entry: Entry) -> Value:
    return Value(entry.shape, entry.dtype, "", "as in the checkpoint given as like", values.Unchanged(like, entry.name))


def _made_up(path: str, wanted: Mapping[str, Value], options: values.Options) -> Value | None:
    """What a layer of the target has and that of the source does without."""
    scope, short = split(path)
    if not any(join(scope, name) in wanted for name in STATISTICS):
        return None
    if short in AFFINE:
        return values.filled(wanted, scope, short)
    if short in DEBIAS and options.zero_debias == "synthesize" and join(scope, "moving_mean") in wanted:
        return values.synthesized(wanted, scope, short)
    return None


def _fits(value: Value, entry: Entry) -> bool:
    """Without a loss: ones in the shape may come and go, and a floating type may become wider."""
    wider = value.dtype in _WIDTH and _WIDTH[value.dtype] < _WIDTH.get(entry.dtype, 0)
    return (wider or value.dtype == entry.dtype) and _same_elements(value.shape, entry.shape)


def _same_elements(one: Iterable[int], other: Iterable[int]) -> bool:
    return [size for size in one if size != 1] == [size for size in other if size != 1]

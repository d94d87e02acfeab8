"""`Plan`: what a conversion will write, decided and shown before it writes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tfbn.checkpoint import object_graph, values
from tfbn.checkpoint.kinds import Kind
from tfbn.checkpoint.layers import SHORT_NAMES, find, join, split
from tfbn.checkpoint.open import KINDS
from tfbn.checkpoint.reader import Entry, Reader
from tfbn.checkpoint.rename import apply_renames, with_names
from tfbn.checkpoint.values import Step, Value
from tfbn.errors import Finding
from tfbn.graphdef.short_names import AFFINE, DEBIAS, STATISTICS
from tfbn.lines import Lines, one_line, show_name
from tfbn.tables import MAX_NAMES, columns, format_shape, format_table, natural

_WIDTH = {"bfloat16": 16, "float16": 16, "float32": 32, "float64": 64}
_NAMES_REMEDY = (
    "Other programs look for moving_mean, moving_variance, beta and gamma in one scope: rename what is called "
    "otherwise, with --rename PATTERN=REPLACEMENT, unless the target is for the same program."
)
REMEDY = (
    "Rename what is called otherwise, with --rename PATTERN=REPLACEMENT, or allow it by name, with --allow PATTERN."
)


@dataclass
class Plan:
    """The variables that a conversion writes; `str` is a table of them.

    Attributes:
      steps: the variables of the target, in the order of writing.
      lost: dict from paths in the source that have no place in the target to the reason.
      unmatched: dict from paths in the target for which the source has no value to the reason.
      allowed: those of these paths that match `allow`.
      left_out: paths in the source that the arguments omit or merge into others.
      other_names: dict from layers whose variables keep names, or a scope, that layers of the target do not have to
        what these are; without `like`, which tells such variables as lost.
    """

    source: str
    target: str
    kind: Kind
    steps: list[Step] = field(default_factory=list)
    lost: dict[str, str] = field(default_factory=dict)
    unmatched: dict[str, str] = field(default_factory=dict)
    allowed: set[str] = field(default_factory=set)
    left_out: list[str] = field(default_factory=list)
    other_names: dict[str, str] = field(default_factory=dict)

    @property
    def _title(self) -> str:
        return one_line(f"{self.source} -> {self.target} ({self.to})")

    @property
    def to(self) -> str:
        """The kind's name."""
        return self.kind.name

    @property
    def refused(self) -> bool:
        """Whether a variable would be lost or stay unmatched that is not allowed to."""
        return not {*self.lost, *self.unmatched} <= self.allowed

    def __str__(self) -> str:
        rows = [
            (step.name, format_shape(step.value.shape), step.value.dtype, step.value.origin or "-", step.value.change)
            for step in self.steps
        ]
        lines = [self._title, ""]
        lines += [format_table([("target", "shape", "dtype", "from", "change"), *rows])]
        if self.left_out:
            lines += ["", "left out, as the arguments say:", *(f"  {show_name(path)}" for path in self.left_out)]
        if self.other_names:
            names = [f"{show_name(scope)}: {text}" for scope, text in self.other_names.items()]
            lines += ["", "layers with names that those of the target do not have:", columns(names, None)]
        return "\n".join([*lines, *self.problems()])

    def summary(self) -> str:
        """Counts of the variables that are copied, changed and left out; names of some that are lost or unmatched."""
        counts = {
            "copied as they are": sum(bool(step.value.origin) and not step.value.change for step in self.steps),
            "changed": sum(bool(step.value.origin) and bool(step.value.change) for step in self.steps),
            "that the source does not have": sum(not step.value.origin for step in self.steps),
            "left out, as the arguments say": len(self.left_out),
        }
        rows = [(f"  {count:>{len(str(max(counts.values())))}}", text) for text, count in counts.items() if count]
        return Lines("\n".join([self._title, format_table(rows), *self.problems(limit=MAX_NAMES)]))

    @property
    def size(self) -> int:
        """The size of the target's variables in bytes."""
        return sum(step.value.size for step in self.steps)

    def as_json(self) -> dict[str, Any]:
        """The content of `str` for programs."""
        steps = [
            {"target": name, "shape": value.shape, "dtype": value.dtype, "from": value.origin, "change": value.change}
            for name, value in self.steps
        ]
        return {
            "source": self.source,
            "target": self.target,
            "to": self.to,
            "steps": steps,
            "left_out": self.left_out,
            "other_names": self.other_names,
            "lost": self.lost,
            "unmatched": self.unmatched,
            "allowed": sorted(self.allowed),
        }

    def findings(self) -> list[Finding]:
        """The variables for which the plan is refused, and as warnings the layers with other names."""
        warnings = [
            Finding("other names", "warning", scope, f"{names}, under which they are copied", _NAMES_REMEDY)
            for scope, names in self.other_names.items()
        ]
        return warnings + [
            Finding(kind, "error", path, reason or problem, REMEDY)
            for kind, problem, paths in (
                ("lost", "the target has no place for it", self.lost),
                ("unmatched", "the source has nothing for it", self.unmatched),
            )
            for path, reason in paths.items()
            if path not in self.allowed
        ]

    def problems(self, only_refused: bool = False, limit: int | None = None) -> list[str]:
        """Lines about lost and unmatched variables, with at most `limit` names for each."""
        lines = []
        for title, paths in (
            ("lost, because the target has no place for them:", self.lost),
            ("unmatched, because the source has nothing for them:", self.unmatched),
        ):
            chosen = {path: reason for path, reason in paths.items() if not (only_refused and path in self.allowed)}
            if chosen:
                names = [
                    f"{show_name(path)}{': ' + reason if reason else ''}{' (allowed)' if path in self.allowed else ''}"
                    for path, reason in chosen.items()
                ]
                lines += ["", title, columns(names, limit)]
        return lines

    def check(self) -> None:
        """Raises ValueError with the variables for which the plan is refused."""
        if self.refused:
            first = next(path for path in (*self.lost, *self.unmatched) if path not in self.allowed)
            problem = (
                f"expected a place in {self.target} for all variables of {self.source}, and a value for each there, "
                "got variables without."
            )
            remedy = (
                "Rename what is called otherwise, rename=[(pattern, replacement)] or --rename PATTERN=REPLACEMENT. "
                f"Allow by name what may be so: allow=[{re.escape(first)!r}], or --allow {re.escape(first)!r}."
            )
            _, *problems = self.problems(only_refused=True, limit=MAX_NAMES)  # the first is empty
            raise ValueError(Lines("\n".join([one_line(problem), *problems, remedy])))


def make(
    reader: Reader,
    target: str,
    kind: Kind,
    like: Reader | None,
    options: values.Options,
    rename: Sequence[tuple[str, str]],
    allow: Sequence[str],
) -> Plan:
    """The plan for a source, with `like` for a target with that checkpoint's names and shapes."""
    for pattern in allow:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(
                f"allow: expected regular expressions of paths, got {pattern!r}: {error}. Put a backslash before "
                "special characters."
            ) from error
    source = values.read_values(reader, options)
    by_path = apply_renames(source.values, rename)
    plan = Plan(reader.path, target, kind, left_out=source.left_out)
    if like is not None:
        _match_like(plan, by_path, like, options)
    else:
        _name_as_kind(plan, by_path)
        plan.other_names = _find_other_names(by_path)
    plan.allowed = {
        path for path in (*plan.lost, *plan.unmatched) if any(re.fullmatch(pattern, path) for pattern in allow)
    }
    if like is not None:
        _fill_allowed(plan, by_path, like)
    plan.steps.sort(key=lambda step: natural(step.name))
    return plan


def _find_other_names(by_path: Mapping[str, Value]) -> dict[str, str]:
    """The layers, by scope, whose variables keep names that layers of the target do not have."""
    entries = [Entry(path, path, value.shape, value.dtype) for path, value in by_path.items()]
    return {
        layer.scope: ", ".join(f"{short} is {path}" for short, path in layer.aliases.items())
        for layer in find(entries).layers
        if layer.aliases
    }


def _name_as_kind(plan: Plan, by_path: Mapping[str, Value]) -> None:
    """Names the variables by their paths alone."""
    scopes = {split(path)[0] for path in by_path if split(path)[1] in STATISTICS}
    kept: dict[str, Value] = {}
    for path, value in by_path.items():
        scope, short = split(path)
        if object_graph.SLOT in path.split("/"):
            plan.lost[path] = (
                "an optimizer's slot, whose place only the other program knows; pass a checkpoint of it as like"
            )
        elif scope in scopes and short in plan.kind.lacks:
            plan.lost[path] = plan.kind.lacks[short]
        elif scope in scopes and short in SHORT_NAMES:
            kept[path] = values.reshape(value, plan.kind.layer_shape(value.shape), value.dtype)
        else:
            kept[path] = value
    default_scopes = {kind.default_scope for kind in KINDS} - {""}
    names = {path: path for path in kept}
    if plan.kind.default_scope:
        for path in names:
            layer_scope = _layer_scope(path, scopes)
            if layer_scope is not None:
                names[path] = _replace_default_scope(layer_scope, default_scopes, plan.kind) + path[len(layer_scope) :]
    layer_scopes = {split(name)[0] for path, name in names.items() if split(path)[1] in STATISTICS}
    for path, value in with_names(kept, names).items():
        scope, short = split(path)
        is_debias = scope in layer_scopes and short in DEBIAS
        plan.steps.append(Step(plan.kind.name_of(path, is_debias), value))
    plan.steps += plan.kind.own_steps()


def _layer_scope(path: str, scopes: set[str]) -> str | None:
    """The innermost of the scopes that a path is under."""
    scope = path
    while "/" in scope:
        scope = split(scope)[0]
        if scope in scopes:
            return scope
    return None


def _replace_default_scope(scope: str, default_scopes: Iterable[str], kind: Kind) -> str:
    """`a/BatchNorm_1` for `a/batch_normalization_1` if BatchNorm is this kind's default scope."""
    outer, last = split(scope)
    for default in default_scopes:
        last = re.sub(rf"^{re.escape(default)}(_\d+)?$", rf"{kind.default_scope}\1", last)
    return join(outer, last)


def _match_like(plan: Plan, by_path: Mapping[str, Value], like: Reader, options: values.Options) -> None:
    """Names and reshapes the variables as in another checkpoint."""
    paths = values.canonical_paths(like)
    for name, path in paths.items():
        entry = like.entries[name]
        if not path:
            plan.steps.append(Step(name, _keep_like(like, entry)))
            continue
        value = by_path.get(path) or _synthesize(path, by_path, options)
        if value is None:
            plan.unmatched[path] = ""
        elif not _fits(value, entry):
            given = f"{format_shape(value.shape)} of {value.dtype}"
            plan.unmatched[path] = f"{given} does not fit {format_shape(entry.shape)} of {entry.dtype}"
        else:
            plan.steps.append(Step(name, values.reshape(value, entry.shape, entry.dtype)))
    placed = set(paths.values())
    plan.lost.update({path: "" for path in by_path if path not in placed})


def _fill_allowed(plan: Plan, by_path: Mapping[str, Value], like: Reader) -> None:
    """Allowed unmatched variables keep the value in `like`, or take the source's with fewer digits."""
    for name, path in values.canonical_paths(like).items():
        if path in plan.unmatched and path in plan.allowed:
            entry, value = like.entries[name], by_path.get(path)
            narrowed = value is not None and _same_elements(value.shape, entry.shape) and value.dtype in _WIDTH
            if value is not None and narrowed and entry.dtype in _WIDTH:
                plan.steps.append(Step(name, values.reshape(value, entry.shape, entry.dtype)))
            else:
                plan.steps.append(Step(name, _keep_like(like, entry)))


def _keep_like(like: Reader, entry: Entry) -> Value:
    return Value(entry.shape, entry.dtype, "", "as in the checkpoint given as like", values.Unchanged(like, entry.name))


def _synthesize(path: str, by_path: Mapping[str, Value], options: values.Options) -> Value | None:
    """A value that the target's layer needs and the source's lacks, if it can be derived."""
    scope, short = split(path)
    if not any(join(scope, name) in by_path for name in STATISTICS):
        return None
    if short in AFFINE:
        return values.fill_affine(by_path, scope, short)
    if short in DEBIAS and options.zero_debias == "synthesize" and join(scope, "moving_mean") in by_path:
        return values.synthesize_debias(by_path, scope, short)
    return None


def _fits(value: Value, entry: Entry) -> bool:
    """Whether the value fits without loss: the shape may differ by ones, and a floating type may become wider."""
    wider = value.dtype in _WIDTH and _WIDTH[value.dtype] < _WIDTH.get(entry.dtype, 0)
    return (wider or value.dtype == entry.dtype) and _same_elements(value.shape, entry.shape)


def _same_elements(one: Iterable[int], other: Iterable[int]) -> bool:
    return [size for size in one if size != 1] == [size for size in other if size != 1]

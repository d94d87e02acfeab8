"""What an entry of the ledger is made of: the record, what it excuses, and how a case becomes its sibling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from . import case as cases

Result = dict[str, Any]


class Known(NamedTuple):
    """One difference: which cases can show it, which fields it excuses, and a case of the registry that shows it."""

    name: str
    reason: str
    case: str
    covers: Callable[[cases.Case], Any]
    excuses: Callable[[cases.Case, Result, Result], set[str]]
    instead: Callable[[cases.Case], cases.Case] | None = None


def fails_there(stage: str, kind: str, *texts: str) -> Callable[[cases.Case, Result, Result], set[str]]:
    """Excuses a failure of the original at a stage that ours gets past; the structure so far still has to agree."""

    def excuses(case: cases.Case, expected: Result, found: Result) -> set[str]:
        error = expected["error"]
        failed = expected["stage"] == stage and error and error["type"] == kind
        failed = failed and any(text in error["text"] for text in texts)
        return {"stage", "gradients.*"} if failed and found["stage"] == "ok" else set()

    return excuses


def refused_here(kind: str, text: str) -> Callable[[cases.Case, Result, Result], set[str]]:
    """Excuses a refusal of ours where the original goes on."""

    def excuses(case: cases.Case, expected: Result, found: Result) -> set[str]:
        error = found["error"]
        refused = found["stage"] == "build" and error["type"] == kind and text in error["text"]
        return {"stage"} if refused and expected["stage"] != "build" else set()

    return excuses


def refused_by_both(case: cases.Case, expected: Result, found: Result) -> set[str]:
    """Excuses an error of another type or with another text."""
    return {"error.type", "error.text"} if expected["stage"] == found["stage"] == "build" else set()


def changed(case: cases.Case, **fields: Any) -> cases.Case:
    return {**case, **fields}


def without(given: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name != key}


def with_arguments(case: cases.Case, **arguments: Any) -> cases.Case:
    """The case with these values of arguments, wherever it had them from."""
    scopes = [{k: arguments.get(k, v) for k, v in scope.items()} for scope in cases.get(case, "arg_scope")]
    return changed(case, arguments={**cases.get(case, "arguments"), **arguments}, arg_scope=scopes)


def collected_reads(case: str) -> Known:
    """The names of collected updates of resource variables."""
    return Known(
        "the ops of collected updates of resource variables",
        "The original's function-fused and legacy paths collect an assignment as an object of its own, which is neither"
        " tensor nor operation and which no MetaGraph keeps. Ours collect the value read after it; the op that assigns"
        " has the original's name.",
        case,
        lambda case: cases.get(case, "resource") or "use_resource" in cases.get(case, "surroundings"),
        _reads_for_assignments,
    )


def _reads_for_assignments(case: cases.Case, expected: Result, found: Result) -> set[str]:
    there, here = (sum(result.get("update_names", []), []) for result in (expected, found))
    unlike = [pair for pair in zip(there, here) if pair[0] != pair[1]]
    reads = all(name.endswith("/AssignSubVariableOp") and "/ReadVariableOp" in ours for name, ours in unlike)
    return {"update_names"} if reads and len(there) == len(here) else set()

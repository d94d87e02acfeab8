"""The conditions under which ops run: the branches and loops that they are in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from tfbn.graphdef.dataflow import Dataflow, Node, source_of


class Condition(NamedTuple):
    """A branch or a loop that a node is in."""

    of: str  # the predicate, the frame or the op
    branch: int | None  # None: a loop


class Conditions:
    """The branches and loops that each node of a graph is in.

    `predicate` names the predicate of a Switch: by default its source op, which several conds may share.
    """

    def __init__(
        self, dataflow: Dataflow, order: Iterable[Node], predicate: Callable[[Node], str] | None = None
    ) -> None:
        predicate = predicate or _predicate
        # Those within the node's graph or body; `of` adds those around a body.
        self._own: dict[Node, frozenset[Condition]] = {}
        none: frozenset[Condition] = frozenset()
        for node in order:
            inputs = [
                self._own.get(source, none) | _switched(source, index, predicate) for source, index in node.inputs
            ]
            if node.type in ("Merge", "RefMerge"):
                # Back edges have not been visited; they add nothing to the conditions of the first input.
                known = [own for own, (source, _) in zip(inputs, node.inputs) if source in self._own]
                own = none.union(*known)
                own = frozenset(condition for condition in own if all(condition in other for other in known))
            elif node.type == "_Arg":
                own = none
            else:
                own = none.union(*inputs, *(self._own.get(control, none) for control in node.controls))
            if node.type in ("Enter", "RefEnter"):
                own |= {Condition(_frame(node), None)}
            if node.type in ("Exit", "RefExit"):
                frame = _frame_left(node)
                own = frozenset(condition for condition in own if condition.of != frame)
            self._own[node] = own

    def of(self, node: Node) -> frozenset[Condition]:
        conditions = self._own.get(node, frozenset())
        for caller, number in node.callers[:1]:
            kind = None if "While" in caller.type else number
            around = self.of(caller)
            conditional = "While" in caller.type or "If" in caller.type or "Case" in caller.type
            conditions = conditions | around | ({Condition(caller.name, kind)} if conditional else frozenset())
        return conditions


def exclusive(first: frozenset[Condition], second: frozenset[Condition]) -> bool:
    """Whether ops under these conditions never run in the same step."""
    return any(
        a.of == b.of and a.branch != b.branch and None not in (a.branch, b.branch) for a in first for b in second
    )


def _predicate(switch: Node) -> str:
    return source_of(switch.inputs[1]).name


def _switched(source: Node, index: int, predicate: Callable[[Node], str]) -> frozenset[Condition]:
    if source.type not in ("Switch", "RefSwitch") or len(source.inputs) < 2:
        return frozenset()
    # The switch of a loop; the loop's frame is already a condition.
    if source_of(source.inputs[1]).type == "LoopCond":
        return frozenset()
    return frozenset([Condition(predicate(source), index)])


def _frame(enter: Node) -> str:
    return str(enter.attr["frame_name"].s, "utf-8")


def _frame_left(node: Node) -> str:
    """The frame that an Exit leaves: that of the Enter at the head of its loop."""
    while node.type not in ("Enter", "RefEnter") and node.inputs:
        node = node.inputs[0][0]
    return _frame(node) if node.inputs else ""

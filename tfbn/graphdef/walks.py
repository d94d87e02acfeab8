"""Walks over graphs of any kind, by a function from a node to those that it leads to."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

_Node = TypeVar("_Node", bound=Hashable)


def reach(starts: Iterable[_Node], follow: Callable[[_Node], Iterable[_Node]]) -> set[_Node]:
    """`starts` and all that `follow` leads to from there; it is asked once for each node."""
    reached = set(starts)
    waiting = list(reached)
    while waiting:
        for node in follow(waiting.pop()):
            if node not in reached:
                reached.add(node)
                waiting.append(node)
    return reached


def in_order(nodes: Iterable[_Node], before: Callable[[_Node], Iterable[_Node]]) -> list[_Node]:
    """All nodes, each after those that `before` gives for it, which must not lead back to it."""
    visited: set[_Node] = set()
    order: list[_Node] = []
    for start in nodes:
        stack = [] if start in visited else [(start, iter(before(start)))]
        visited.add(start)
        while stack:
            node, rest = stack[-1]
            following = next((source for source in rest if source not in visited), None)
            if following is None:
                order.append(node)
                stack.pop()
            else:
                visited.add(following)
                stack.append((following, iter(before(following))))
    return order

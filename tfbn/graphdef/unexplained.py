"""Finds ops that look like batch norm of an unknown form: data shifted or scaled by averaged statistics.

The evidence is a variable that is assigned reductions of data, by any op along any axes, where the variable or these
reductions shift or scale data elementwise. Gradients, queues, averaged losses and statistics that are only monitored
are no evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import NamedTuple

from tfbn.graphdef.dataflow import Dataflow, Node, Tensor, is_assignment, source_of
from tfbn.graphdef.op_types import FUSED, QUOTIENTS, VARIABLES
from tfbn.graphdef.statistic import Statistic, has_no_axes, statistic_of

_REDUCING = ("Mean", "Sum", "Max", "Min", "Prod", "MatMul", "Einsum")
_SCATTERING = ("ScatterUpdate", "ScatterAdd", "ScatterSub", "ResourceScatter")
# Ops of tf.gradients, in any scope.
_GRADIENT = re.compile(r"(^|/)gradients(_\d+)?/|_grad/")
_COMBINING = ("Mul", "MulNoNan", *QUOTIENTS, "Add", "AddV2", "BiasAdd", "Sub")
MAX_OPS = 200  # from a statistic to the data that it shifts, and on to another statistic


class Unexplained(NamedTuple):
    """An op that shifts or scales data by statistics that variables average, and that belong to no known layer."""

    node: Node
    variables: frozenset[Node]
    sources: frozenset[Node]  # the reductions of the batch
    updates: frozenset[Node]


def find_unexplained(
    dataflow: Dataflow, ahead: Mapping[Node, list[Node]], known: Set[Node], inferred_by: Set[Node], sources: Set[Node]
) -> list[Unexplained]:
    """The unexplained ops, one for all averages in a scope or of the same statistics.

    Args:
      dataflow: the graph.
      ahead: the consumers of its nodes, without gradients.
      known: the statistics of layers that train.
      inferred_by: the statistics of layers that only infer, which rightly shift data.
      sources: the reductions that the averages of the layers that train are computed from.
    """
    search = _Search(ahead)
    averages = [average for average in search.list_averages(dataflow, known) if not average.sources <= sources]
    reductions = {*sources, *(node for average in averages for node in average.sources)}
    candidates: list[Unexplained] = []
    for average in averages:
        node = search.find_application((average.sources - sources) | (average.variables - inferred_by), reductions)
        if node is None:
            continue
        average = average._replace(node=node)
        for place, other in enumerate(candidates):
            if _scope(other) == _scope(average) or other.sources & average.sources:
                candidates[place] = Unexplained(other.node, *(a | b for a, b in zip(other[1:], average[1:])))
                break
        else:
            candidates.append(average)
    return candidates


def _scope(unexplained: Unexplained) -> str:
    """The scope of the op, or of a variable if the op has none; the op's name if neither has one."""
    names = (unexplained.node.name, min(node.name for node in unexplained.variables))
    return next(filter(None, (name.rpartition("/")[0] for name in names)), names[0])


class _Search:
    """Statistics that are reduced from data by any op, backwards and forwards."""

    def __init__(self, ahead: Mapping[Node, list[Node]]) -> None:
        self._ahead = ahead
        self._reducing: dict[Node, bool] = {}

    def list_averages(self, dataflow: Dataflow, known: Set[Node]) -> Iterator[Unexplained]:
        """Variables that are no scalars and the reductions of data assigned to them, one for each assignment."""
        optimized = {source_of(node.inputs[0]) for node in dataflow.all if "Apply" in node.type and node.inputs}
        for node in dataflow.all:
            updates = is_assignment(node) or node.type.startswith(_SCATTERING)
            if not updates or len(node.inputs) < 2 or _GRADIENT.search(node.name):
                continue
            variable = source_of(node.inputs[0])
            if variable.type not in VARIABLES or variable in known or variable in optimized:
                continue
            value = None if has_no_axes(variable) else self._statistic(node.inputs[-1])
            sources = frozenset(source for source, _ in value.batch) if value is not None else ()
            if sources and not any(_GRADIENT.search(each.name) for each in sources):
                yield Unexplained(node, frozenset([variable]), frozenset(sources), frozenset([node]))

    def _statistic(self, tensor: Tensor) -> Statistic | None:
        return statistic_of(tensor, is_assigned=True, is_source=self._reduces)

    def _reduces(self, node: Node, index: int) -> bool:
        """Whether an op computes the output from data, and keeps no sample apart."""
        if node.type in FUSED:
            return index > 0
        if node.type in _REDUCING and node not in self._reducing:
            self._reducing[node] = True  # in a loop, while it is being computed
            is_data = [self._statistic(tensor) is None for tensor in node.inputs]
            self._reducing[node] = _is_without_samples(node, is_data)
        return self._reducing.get(node, False)

    def find_application(self, starts: Set[Node], reductions: Set[Node]) -> Node | None:
        """The first op that combines data with values computed from `starts`, unless it only goes into reductions."""
        waiting, seen = sorted(starts, key=lambda node: node.name), {*starts}
        for node in waiting:  # grows on the way
            for user in self._ahead[node] if len(seen) < MAX_OPS else ():
                if user in seen or user in reductions or is_assignment(user) or _GRADIENT.search(user.name):
                    continue
                others = [tensor for tensor in user.inputs if tensor[0] is not node]
                if len(others) == len(user.inputs):
                    continue  # it only waits
                seen.add(user)
                combines = user.type in _COMBINING and any(self._statistic(other) is None for other in others)
                if combines or user.type in FUSED:
                    if not self._is_reduced(user, reductions):
                        return user
                elif user.bodies or self._statistic((user, 0)) is not None:
                    waiting.append(user)
        return None

    def _is_reduced(self, node: Node, reductions: Set[Node]) -> bool:
        """Whether everything computed from an op goes into reductions or summaries."""
        waiting, seen = [node], {node}
        for before in waiting:  # grows on the way
            following = [user for user in self._ahead[before] if user not in reductions and "Summary" not in user.type]
            if not self._ahead[before] or len(seen) > MAX_OPS:
                return False
            waiting += [user for user in following if user not in seen]
            seen.update(following)
        return True


def _is_without_samples(node: Node, is_data: Sequence[bool]) -> bool:
    if node.type == "MatMul":  # the product of data and weights keeps samples apart
        return is_data[1] or (is_data[0] and node.attr["transpose_a"].b)
    if node.type == "Einsum":
        operands, _, result = node.attr["equation"].s.decode().partition("->")
        return any(data and labels[:1] not in result for data, labels in zip(is_data, operands.split(",")))
    return is_data[0]

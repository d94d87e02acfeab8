"""Finds ops that look like batch norm of an unknown form: data shifted or scaled by averaged statistics.

The evidence is a variable that is assigned what is reduced from data, by any op along any axes, and that it or these
reductions shift or scale data elementwise. Gradients, queues, averaged losses and statistics that are only watched are
no evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import NamedTuple

from tfbn.graphdef import arithmetic
from tfbn.graphdef.arithmetic import FUSED, Statistic
from tfbn.graphdef.dataflow import Dataflow, Node, Tensor, is_assignment, source_of

_REDUCING = ("Mean", "Sum", "Max", "Min", "Prod", "MatMul", "Einsum")
_SCATTERING = ("ScatterUpdate", "ScatterAdd", "ScatterSub", "ResourceScatter")
# Of tf.gradients, in whatever scope.
_GRADIENT = re.compile(r"(^|/)gradients(_\d+)?/|_grad/")
_COMBINING = ("Mul", "MulNoNan", *arithmetic.QUOTIENTS, "Add", "AddV2", "BiasAdd", "Sub")
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
    """One for the statistics of each scope, and for all averages of the same statistics.

    Args:
      dataflow: the graph.
      ahead: the consumers of its nodes, without gradients.
      known: the statistics of layers that train.
      inferred_by: those of layers that only infer, which shift data as they should.
      sources: the reductions that the averages of the layers that train are computed from.
    """
    search = _Search(ahead)
    averages = [each for each in search.list_averages(dataflow, known) if not each.sources <= sources]
    reductions = {*sources, *(node for each in averages for node in each.sources)}
    candidates: list[Unexplained] = []
    for each in averages:
        node = search.find_application((each.sources - sources) | (each.variables - inferred_by), reductions)
        if node is None:
            continue
        each = each._replace(node=node)
        for place, other in enumerate(candidates):
            if _scope(other) == _scope(each) or other.sources & each.sources:
                candidates[place] = Unexplained(other.node, *(a | b for a, b in zip(other[1:], each[1:])))
                break
        else:
            candidates.append(each)
    return candidates


def _scope(unexplained: Unexplained) -> str:
    """That of the op, or of a variable where the op has none; the op's name where neither has."""
    names = (unexplained.node.name, min(node.name for node in unexplained.variables))
    return next(filter(None, (name.rpartition("/")[0] for name in names)), names[0])


class _Search:
    """Statistics that are reduced from data by any op, backwards and forwards."""

    def __init__(self, ahead: Mapping[Node, list[Node]]) -> None:
        self._ahead = ahead
        self._reducing: dict[Node, bool] = {}

    def list_averages(self, dataflow: Dataflow, known: Set[Node]) -> Iterator[Unexplained]:
        """Variables with axes and the reductions of data that are assigned to them, by the assignments."""
        optimized = {source_of(node.inputs[0]) for node in dataflow.all if "Apply" in node.type and node.inputs}
        for node in dataflow.all:
            updates = is_assignment(node) or node.type.startswith(_SCATTERING)
            if not updates or len(node.inputs) < 2 or _GRADIENT.search(node.name):
                continue
            variable = source_of(node.inputs[0])
            if variable.type not in arithmetic.VARIABLES or variable in known or variable in optimized:
                continue
            value = None if arithmetic.has_no_axes(variable) else self._statistic(node.inputs[-1])
            sources = frozenset(source for source, _ in value.batch) if value is not None else ()
            if sources and not any(_GRADIENT.search(each.name) for each in sources):
                yield Unexplained(node, frozenset([variable]), frozenset(sources), frozenset([node]))

    def _statistic(self, tensor: Tensor) -> Statistic | None:
        return arithmetic.statistic(tensor, of_update=True, is_source=self._reduces)

    def _reduces(self, node: Node, index: int) -> bool:
        """Whether an output is made of data by an op that no sample comes out of."""
        if node.type in FUSED:
            return index > 0
        if node.type in _REDUCING and node not in self._reducing:
            self._reducing[node] = True  # in a loop, while it is looked at
            self._reducing[node] = _is_without_samples(node, [self._statistic(each) is None for each in node.inputs])
        return self._reducing.get(node, False)

    def find_application(self, starts: Set[Node], reductions: Set[Node]) -> Node | None:
        """The first op that combines data with what is computed of `starts`, but for what only goes into reductions."""
        waiting, seen = sorted(starts, key=lambda node: node.name), {*starts}
        for node in waiting:  # grows on the way
            for each in self._ahead[node] if len(seen) < MAX_OPS else ():
                if each in seen or each in reductions or is_assignment(each) or _GRADIENT.search(each.name):
                    continue
                others = [tensor for tensor in each.inputs if tensor[0] is not node]
                if len(others) == len(each.inputs):
                    continue  # it only waits
                seen.add(each)
                combines = each.type in _COMBINING and any(self._statistic(other) is None for other in others)
                if combines or each.type in FUSED:
                    if not self._is_reduced(each, reductions):
                        return each
                elif each.bodies or self._statistic((each, 0)) is not None:
                    waiting.append(each)
        return None

    def _is_reduced(self, node: Node, reductions: Set[Node]) -> bool:
        """Whether all that is computed of an op goes into reductions or summaries."""
        waiting, seen = [node], {node}
        for each in waiting:  # grows on the way
            following = [user for user in self._ahead[each] if user not in reductions and "Summary" not in user.type]
            if not self._ahead[each] or len(seen) > MAX_OPS:
                return False
            waiting += [user for user in following if user not in seen]
            seen.update(following)
        return True


def _is_without_samples(node: Node, is_data: Sequence[bool]) -> bool:
    if node.type == "MatMul":  # of data and weights a sample comes out
        return is_data[1] or (is_data[0] and node.attr["transpose_a"].b)
    if node.type == "Einsum":
        operands, _, result = node.attr["equation"].s.decode().partition("->")
        return any(data and labels[:1] not in result for data, labels in zip(is_data, operands.split(",")))
    return is_data[0]

"""Tests whether a variable averages a statistic, with numbers in place of both.

A moving average does not change if the batch's statistic equals it, whatever the momentum. A sum, an average of a root
and one of a weighted statistic do.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from tfbn.graphdef.constants import compute
from tfbn.graphdef.dataflow import Node, Tensor
from tfbn.graphdef.op_types import ARITHMETIC, COUNTS, FUNCTIONS, FUSED, PASSING, RESHAPES, SELECTS, VARIABLES
from tfbn.graphdef.statistic import (
    assignments_before,
    constant_of,
    is_flag,
    is_number,
    next_value,
    reduces_to_statistic,
    statistic_of,
)

_COUNT = 1000.0  # of samples, steps and anything else that is counted
_MEAN, _SQUARE = 100.0, 1e5  # chosen so that a mean of squares minus a squared mean is positive
_SQUARES = ("Square", "SquaredDifference", "Mul", "Pow")
_MOMENTUM = 0.5
# A factor of n / (n - 1), and epsilon, make no difference.
_TOLERANCE = 0.01

_ELEMENTWISE = (*ARITHMETIC, *FUNCTIONS)
# All parts and indices have the same value; an Identity of a resource's handle is passed on, too.
_FIRST_INPUT = (
    *PASSING,
    *RESHAPES,
    "ReadVariableOp",
    "StridedSlice",
    "GatherV2",
    "ConcatV2",
    "Pack",
    "_Arg",
    "Sum",
    "Mean",
)


class Trial:
    """Values per channel as single numbers: given ones of `variables`, invented ones of the batch and of counts.

    `is_assigned` is as in `statistic_of`: whether assignments come before reads.
    """

    def __init__(self, variables: Mapping[Node, float], trains: bool, is_assigned: bool = False) -> None:
        self._variables, self._trains, self._is_assigned = variables, trains, is_assigned
        self._values: dict[Tensor, float] = {}

    def value(self, tensor: Tensor) -> float:
        """The value of a tensor; NaN if it is unknown."""
        if tensor not in self._values:
            self._values[tensor] = math.nan  # in a loop, while it is being computed
            with np.errstate(all="ignore"):
                self._values[tensor] = self._compute(*tensor)
        return self._values[tensor]

    def next_value(self, assignment: Node) -> float:
        """The value that a variable is assigned."""
        values = [self.value(tensor) for tensor in next_value(assignment)]
        if len(values) == 1:
            return values[0]
        return values[0] - values[1] if "Sub" in assignment.type else values[0] + values[1]

    def _compute(self, node: Node, index: int) -> float:
        if node.type in VARIABLES:
            return float(self._trains) if is_flag(node) else self._variables.get(node, _COUNT)
        if is_number(node):
            return float(self._trains) if is_flag(node) else _MOMENTUM
        if reduces_to_statistic(node, index):
            squared = (
                index == 2 if node.type in FUSED else node.inputs[0][0].type in ("Square", "SquaredDifference", "Mul")
            )
            return _SQUARE if squared else _MEAN
        updates = assignments_before(node) if self._is_assigned else []
        if updates:
            return self.next_value(updates[-1])
        if node.type == "Const":
            value = constant_of((node, 0))
            return float(value.ravel()[0])
        if node.type in ("OnesLike", "ZerosLike"):
            return float(node.type == "OnesLike")
        if node.type in COUNTS:
            return _COUNT
        if node.type in ("Merge", "RefMerge"):
            return self._chosen(node.inputs)
        if node.bodies:
            return self._chosen([body.results[index] for body in node.bodies])
        if node.type in SELECTS:
            return self._chosen(node.inputs[1:])
        if node.type in _ELEMENTWISE:
            return float(compute(node.type, node.attr, *(np.float64(self.value(tensor)) for tensor in node.inputs)))
        if node.type in ("Split", "Fill"):
            return self.value(node.inputs[1])
        return self.value(node.inputs[0]) if node.type in _FIRST_INPUT else math.nan

    def _chosen(self, tensors: list[Tensor]) -> float:
        """The value of the branch for the mode: the batch's statistics belong to training."""
        statistics = [statistic_of(tensor) for tensor in tensors]
        suitable = [
            tensor
            for tensor, statistic in zip(tensors, statistics)
            if statistic is not None and bool(statistic.batch) == self._trains
        ]
        return self.value((suitable or tensors)[0])


class Average(NamedTuple):
    """A variable, its assignments, and all variables assigned from the same statistic, as zero debias has two."""

    variable: Node
    updates: Sequence[Node]
    alike: Iterable[Node]


def are_averages(averages: Sequence[Average], tensors: Sequence[Tensor]) -> bool:
    """Whether variables average a mean and a variance that normalize in training, in inference or in both."""
    batch = Trial({}, trains=True)
    for sign in (1, -1):  # the tensor may be the negative of the mean
        numbers = [factor * batch.value(tensor) for factor, tensor in zip((sign, 1), tensors)]
        variables = {variable: number for average, number in zip(averages, numbers) for variable in average.alike}
        variables.update((average.variable, number) for average, number in zip(averages, numbers))
        trains, infers = Trial(variables, trains=True, is_assigned=True), Trial(variables, trains=False)
        if all(
            _agree(number, [factor * infers.value(tensor), *map(trains.next_value, average.updates)])
            for factor, number, average, tensor in zip((sign, 1), numbers, averages, tensors)
        ):
            return True
    return False


def _agree(number: float, others: Iterable[float]) -> bool:
    return all(abs(other - number) <= _TOLERANCE * abs(number) for other in others)

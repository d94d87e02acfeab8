"""Finds what can be folded in a frozen graph: a linear layer and the affine ops behind it, a batch norm among them.

Behind the layer, its output channels are followed through reshapes by their numbers: an array of the output's shape
that holds, at each position, which channel it is of. A constant that has one value for each number is a vector of the
layer's channels, in whatever shape and layout it stands in the graph.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Set
from typing import Any, NamedTuple

import numpy as np

from tfbn.fold import kernels
from tfbn.fold.affine import Run, factor_and_term, run_around
from tfbn.fold.frozen import Frozen
from tfbn.fold.inventory import ADDING, MOVING, NORMS, PASSING, SCALING, explain, list_batch_norms
from tfbn.fold.linear import Linear, linear_of
from tfbn.graphdef.constants import SHAPES, Constants, squeeze
from tfbn.graphdef.dataflow import Node, Tensor
from tfbn.graphdef.recognize import normalizes_by_batch

_MOST = 4_000_000  # positions to number, beyond which unneeded sizes are taken for 2


class Step(NamedTuple):
    """An affine op behind the layer, and what it and those before it do: y = x * slope + offset."""

    node: Node
    taken: str  # the tensor that it works on
    slope: np.ndarray
    offset: np.ndarray
    moved: bool  # whether a reshape stands between the layer and it
    scales: bool  # by a number for each channel


class Chain(NamedTuple):
    linear: Linear
    steps: list[Step]
    batch_norms: list[Node]


class Survey(NamedTuple):
    """What can be folded, why other batch norms cannot, and what only looks like one."""

    chains: list[Chain]
    reasons: dict[Node, str]
    unrecognized: dict[Node, str]
    lowered: dict[Node, Run]  # in place of a reason


def survey(frozen: Frozen, lower: bool = False) -> Survey:
    """Looks behind every linear layer of the graph; what cannot be folded is lowered where that is asked for."""
    chains: list[Chain] = []
    reasons: dict[Node, str] = {}
    constants = Constants()
    listed = list(list_batch_norms(frozen, constants))
    norms = {each.node for each in listed if each.recognized}
    for node in frozen.nodes:
        linear = None if frozen.why_unfoldable(node) else linear_of(node, constants)
        if isinstance(linear, Linear):
            walk = _Walk(frozen, constants, norms, linear)
            if walk.batch_norms:
                chains.append(Chain(linear, walk.steps, walk.batch_norms))
            reasons.update(walk.reasons)
        elif linear:
            reasons.update({norm: linear for _, norm in _next_norms(frozen, constants, norms, (node, 0))})
    for each in listed:
        # Whatever stands around a batch norm in training, that it trains is what keeps it.
        if each.recognized and (normalizes_by_batch(each.node.type, each.node.attr) or each.node not in reasons):
            reasons[each.node] = each.reason
    folded = {step.node for chain in chains for step in chain.steps}
    order = {node: position for position, node in enumerate([*frozen.nodes, *frozen.in_functions])}
    staying = sorted((norm for norm in reasons if norm not in folded), key=order.__getitem__)
    lowered: dict[Node, Run] = {}
    for norm in staying if lower else ():
        run = None if frozen.why_unfoldable(norm) else run_around(norm, frozen, constants, folded)
        if run is not None:
            lowered[norm] = run
    reasons = {norm: reasons[norm] for norm in staying if norm not in lowered}
    unrecognized = {each.node: each.reason for each in listed if not each.recognized and each.node not in folded}
    return Survey(chains, reasons, unrecognized, lowered)


_MOVED: dict[str, Callable[..., np.ndarray]] = {
    "Reshape": np.reshape,
    "Transpose": np.transpose,
    "ExpandDims": np.expand_dims,
}


class _Walk:
    """The way from a linear layer over affine ops, as far as each is the only one that takes what is before it."""

    def __init__(self, frozen: Frozen, constants: Constants, norms: Set[Node], linear: Linear) -> None:
        self._frozen, self._constants, self._norms = frozen, constants, norms
        self.steps: list[Step] = []
        self.reasons: dict[Node, str] = {}
        self._size = kernels.outputs_of(linear.layer, linear.kernel)
        self._slope, self._offset, self._moved = np.ones(self._size), np.zeros(self._size), False
        self._shapes: dict[Tensor, tuple[int, ...]] = {}
        tensor: Tensor | None = (linear.node, 0)
        numbers = self._first_numbers(linear)
        while tensor is not None and numbers is not None:
            self._shapes[tensor] = numbers.shape
            tensor, numbers = self._follow(tensor, numbers)

    @property
    def batch_norms(self) -> list[Node]:
        """Those on the way; where the graph has lost what tells them, all multiplications by vectors count as one."""
        known = [step.node for step in self.steps if step.node in self._norms]
        return known or [step.node for step in self.steps if step.scales][:1]

    def _first_numbers(self, linear: Linear) -> np.ndarray | None:
        shape = self._frozen.shape((linear.node, 0))
        if shape is None:
            return None
        axis = 1 if linear.channels_first else len(shape) - 1
        sizes = [size or 2 for size in shape]
        sizes[axis] = self._size
        if math.prod(sizes) > _MOST:
            sizes = [self._size if i == axis else min(size, 2) for i, size in enumerate(sizes)]
        return np.broadcast_to(kernels.along(np.arange(self._size), axis, len(sizes)), sizes)

    def _follow(self, tensor: Tensor, numbers: np.ndarray) -> tuple[Tensor | None, np.ndarray | None]:
        """The next tensor and its channels' numbers; None at the end of the way."""
        users = [node for node in self._frozen.users(tensor) if node.type not in SHAPES]
        if len(users) != 1 or tensor in self._frozen.outputs or self._frozen.has_other_use(tensor[0]):
            self._give_reasons(tensor, users)
            return None, None
        node = users[0]
        if node.type in PASSING:
            return (node, 0), numbers
        if node.type in MOVING:
            self._moved = True
            return (node, 0), self._move(node, tensor, numbers)
        return self._affine(node, tensor, numbers)

    def _affine(self, node: Node, tensor: Tensor, numbers: np.ndarray) -> tuple[Tensor | None, np.ndarray | None]:
        values = factor_and_term(node, tensor, numbers.ndim, self._constants)
        if values is None:
            if node.type in NORMS:
                self.reasons[node] = explain(node, self._constants)
            return None, None
        factor, term = (_by_number(value, numbers, self._size) for value in values)
        if factor is None or term is None:
            for norm in _norms_from(node, self._frozen, self._constants, self._norms):
                self.reasons[norm] = (
                    f"its constants are not one value for each output channel of {_first_of(self._shapes).name}"
                )
            return None, None
        self._slope, self._offset = self._slope * factor, self._offset * factor + term
        scales = _scales_channels(node, tensor, self._constants)
        self.steps.append(Step(node, tensor[0].name, self._slope, self._offset, self._moved, scales))
        return (node, 0), numbers

    def _move(self, node: Node, tensor: Tensor, numbers: np.ndarray) -> np.ndarray | None:
        if node.inputs[0] != tensor:
            return None
        if node.type == "Squeeze":
            return _or_none(squeeze, node.attr, numbers)
        # The shape may be computed from that of what is reshaped.
        how = Constants(self._shapes).value(node.inputs[1])
        if how is not None:
            moved = _or_none(_MOVED[node.type], numbers, tuple(how) if how.ndim else int(how))
            if moved is not None or node.type != "Reshape":
                return moved
        return self._move_unknown(node, numbers) if node.type == "Reshape" else None

    def _move_unknown(self, node: Node, numbers: np.ndarray) -> np.ndarray | None:
        """Where the channels are last before and after a reshape, its other sizes need not be known."""
        shape = self._frozen.shape((node, 0))
        last = shape[-1] if shape else None
        if not shape or not last or self._size % last or numbers.shape[-1] != self._size or numbers.ndim < 2:
            return None
        if not np.array_equal(numbers.reshape(-1, self._size)[0], np.arange(self._size)):
            return None
        return numbers.reshape([-1, *[1] * (len(shape) - 2), last])

    def _give_reasons(self, tensor: Tensor, users: list[Node]) -> None:
        asked_for = tensor in self._frozen.outputs
        for first, norm in _next_norms(self._frozen, self._constants, self._norms, tensor):
            others = [node.name for node in [*users, *self._frozen.waiting_for(tensor[0])] if node is not first]
            use = "an output of the graph" if asked_for else f"used by {', '.join(dict.fromkeys(others))} as well"
            self.reasons[norm] = f"the output of {tensor[0].name} in front of it is {use}"


def _scales_channels(node: Node, tensor: Tensor, constants: Constants) -> bool:
    """Whether it multiplies by a constant with axes, or divides by one."""
    if node.type not in SCALING or (node.type != "Mul" and node.inputs[0] != tensor):
        return False
    value = constants.value(node.inputs[1 - node.inputs.index(tensor)])
    return value is not None and value.ndim > 0


def _next_norms(frozen: Frozen, constants: Constants, norms: Set[Node], tensor: Tensor) -> Iterator[tuple[Node, Node]]:
    """The batch norms that take a tensor, each after the op by which they do."""
    for node in dict.fromkeys(frozen.users(tensor)):
        yield from ((node, norm) for norm in _norms_from(node, frozen, constants, norms))


def _norms_from(node: Node, frozen: Frozen, constants: Constants, norms: Set[Node]) -> list[Node]:
    """An op if it is a batch norm's, or those behind it with nothing but reshapes and constants between."""
    if node in norms:
        return [node]
    if node.type in (*ADDING, *SCALING):
        if all(constants.value(each) is None for each in node.inputs):
            return []
    elif node.type not in (*MOVING, *PASSING):
        return []
    return [norm for user in frozen.users((node, 0)) for norm in _norms_from(user, frozen, constants, norms)]


def _by_number(value: np.ndarray, numbers: np.ndarray, size: int) -> np.ndarray | None:
    """The vector that has, at each channel's number, the value at all of its positions; None where they differ."""
    try:
        spread = np.broadcast_to(value, numbers.shape)
    except ValueError:  # it has more axes or positions
        return None
    found = np.zeros(size)
    found[numbers] = spread
    return found if np.array_equal(found[numbers], spread) else None


def _or_none(operation: Callable[..., np.ndarray], *arguments: Any) -> np.ndarray | None:
    """What a NumPy function returns, or None where the shapes do not allow it."""
    try:
        return operation(*arguments)
    except ValueError:
        return None


def _first_of(shapes: dict[Tensor, tuple[int, ...]]) -> Node:
    return next(iter(shapes))[0]

"""Finds chains to fold in a frozen graph: a linear layer and the affine ops behind it, with a batch norm among them.

Several layers are one chain where their outputs are concatenated in front of a batch norm.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from typing import NamedTuple

import numpy as np

from tfbn.fold import kernels
from tfbn.fold.affine import factor_and_term
from tfbn.fold.channels import SPLITTING, Channels, by_number, find_obstacle
from tfbn.fold.frozen import Frozen
from tfbn.fold.inventory import ADDING, IDENTITIES, MIXING_POSITIONS, MOVING, NORMS, SCALING, explain
from tfbn.fold.linear import Linear
from tfbn.graphdef.constants import SHAPES, Constants
from tfbn.graphdef.dataflow import Node, Tensor


class Step(NamedTuple):
    """An affine op behind a layer."""

    node: Node
    data: Tensor  # its data input
    # The layer, or the BatchToSpaceND behind a dilated convolution, if only affine ops are in between; None if a
    # reshape or a similar op is.
    behind: Node | None
    scales: bool  # by a number for each channel


class Part(NamedTuple):
    """A layer of a chain, and the effect of the steps on its outputs: y = x * slope + offset."""

    linear: Linear
    slope: np.ndarray
    offset: np.ndarray


class Chain(NamedTuple):
    parts: list[Part]
    steps: list[Step]
    batch_norms: list[Node]

    @property
    def layers(self) -> list[Node]:
        return [part.linear.node for part in self.parts]


class Walk:
    """A walk from linear layers over affine ops, as long as each is the only consumer of the one before it."""

    def __init__(self, frozen: Frozen, constants: Constants, norms: Set[Node], walks: Iterable[Walk] = ()) -> None:
        """Continues other walks, whose channels are concatenated."""
        self._frozen, self._constants, self._norms = frozen, constants, norms
        self._channels = Channels(frozen, constants)
        walks = list(walks)
        self.linears: list[Linear] = [linear for walk in walks for linear in walk.linears]
        self.steps: list[Step] = [step for walk in walks for step in walk.steps]
        self.slope: np.ndarray = np.concatenate([np.ones(0), *(walk.slope for walk in walks)])
        self.offset: np.ndarray = np.concatenate([np.zeros(0), *(walk.offset for walk in walks)])
        self.reasons: dict[Node, str] = {}
        # Ops on the way that slopes and offsets behind them may be unable to move across.
        self._crossed: list[Node] = [node for walk in walks for node in walk._crossed]
        self.arrivals: list[tuple[Tensor, Node, np.ndarray]] = []  # at concatenations
        self._inherited = len(self.steps)

    @classmethod
    def from_linear(cls, frozen: Frozen, constants: Constants, norms: Set[Node], linear: Linear) -> Walk:
        """Starts at the outputs of a layer."""
        walk = cls(frozen, constants, norms)
        size = kernels.outputs_of(linear.layer, linear.kernel)
        walk.linears, walk.slope, walk.offset = [linear], np.ones(size), np.zeros(size)
        numbers = walk._channels.start((linear.node, 0), 1 if linear.channels_first else -1, size)
        walk._go((linear.node, 0), numbers, linear.node)
        return walk

    @classmethod
    def from_join(cls, frozen: Frozen, constants: Constants, norms: Set[Node], node: Node, arrived: Arrivals) -> Walk:
        """Continues behind a concatenation whose inputs other walks have reached."""
        walks = list(dict.fromkeys(walk for walk, _ in arrived.values()))
        sizes = [len(walk.slope) for walk in walks]
        starts = dict(zip(walks, np.cumsum([0, *sizes])))
        walk = cls(frozen, constants, norms, walks)
        parts = [arrived[place][1] + starts[arrived[place][0]] for place in sorted(arrived)]
        walk._go((node, 0), walk._channels.join(node, parts), None)
        return walk

    @property
    def batch_norms(self) -> list[Node]:
        """The batch norms on the way; if none is recognized, all multiplications by vectors count as one."""
        known = [step.node for step in self.steps if step.node in self._norms]
        return known or [step.node for step in self.steps if step.scales][:1]

    @property
    def normalizes(self) -> bool:
        """Whether there is a batch norm on the way that no earlier walk has."""
        return any(step.node in self._norms or step.scales for step in self.steps[self._inherited :])

    def parts(self) -> Iterator[Part]:
        """The layers, each with the slope and the offset of its own channels."""
        end = 0
        for linear in self.linears:
            start, end = end, end + kernels.outputs_of(linear.layer, linear.kernel)
            yield Part(linear, self.slope[start:end], self.offset[start:end])

    def _go(self, start: Tensor, start_numbers: np.ndarray | None, start_behind: Node | None) -> None:
        waiting = [] if start_numbers is None else [(start, start_numbers, start_behind)]
        while waiting:
            tensor, numbers, behind = waiting.pop()
            self._channels.note(tensor, numbers)  # a shape in the graph may be computed from any tensor's
            waiting += self._follow(tensor, numbers, behind)

    def _follow(
        self, tensor: Tensor, numbers: np.ndarray, behind: Node | None
    ) -> Iterator[tuple[Tensor, np.ndarray, Node | None]]:
        """The next tensors with their channels' numbers."""
        users = [node for node in self._frozen.users(tensor) if node.type not in SHAPES]
        other_use = tensor[0].type not in SPLITTING and self._frozen.has_other_use(tensor[0])
        if len(users) != 1 or tensor in self._frozen.outputs or other_use or self._frozen.waiting_for(tensor[0]):
            self._give_reasons(tensor, users)
            return
        node = users[0]
        if node.type in IDENTITIES:
            yield (node, 0), numbers, behind
        elif node.type in (*MOVING, *MIXING_POSITIONS):
            moved = self._channels.move(node, tensor, numbers)
            if moved is not None:
                self._crossed += [node] if node.type in MIXING_POSITIONS else []
                yield (node, 0), moved, node if behind is not None and node.type == "BatchToSpaceND" else None
        elif node.type in SPLITTING:
            for index, part in enumerate(self._channels.split(node, tensor, numbers) or ()):
                yield (node, index), part, None
        elif node.type == "ConcatV2":
            self.arrivals.append((tensor, node, numbers))
        elif self._take(node, tensor, numbers, behind):
            yield (node, 0), numbers, behind

    def _take(self, node: Node, tensor: Tensor, numbers: np.ndarray, behind: Node | None) -> bool:
        """Adds an affine op as a step and returns True, if its constants are one value for each channel."""
        values = factor_and_term(node, tensor, numbers.ndim, self._constants)
        if values is None:
            if node.type in NORMS:
                self.reasons[node] = explain(node, self._constants)
            return False
        size = len(self.slope)
        factor, term = (by_number(value, numbers, size, other) for value, other in zip(values, (1.0, 0.0)))
        if factor is None or term is None:
            layers = ", ".join(linear.node.name for linear in self.linears)
            for norm in _norms_from(node, self._frozen, self._constants, self._norms):
                self.reasons[norm] = f"its constants are not one value for each output channel of {layers}"
            return False
        for crossed in self._crossed:
            obstacle = find_obstacle(crossed, factor, term, self._constants, "behind")
            if obstacle:
                for norm in _norms_from(node, self._frozen, self._constants, self._norms):
                    self.reasons[norm] = f"{crossed.name} ({crossed.type}) in front of it {obstacle}"
                return False
        self.slope, self.offset = self.slope * factor, self.offset * factor + term
        self.steps.append(Step(node, tensor, behind, _scales_channels(node, tensor, self._constants)))
        return True

    def _give_reasons(self, tensor: Tensor, users: list[Node]) -> None:
        asked_for = tensor in self._frozen.outputs
        for first, norm in next_norms(self._frozen, self._constants, self._norms, tensor):
            others = [node.name for node in [*users, *self._frozen.waiting_for(tensor[0])] if node is not first]
            use = "an output of the graph" if asked_for else f"used by {', '.join(dict.fromkeys(others))} as well"
            self.reasons[norm] = f"the output of {tensor[0].name} in front of it is {use}"


Arrivals = dict[int, tuple[Walk, np.ndarray]]  # by the number of a concatenation's input


def walk_all(frozen: Frozen, constants: Constants, norms: Set[Node], linears: Iterable[Linear]) -> list[Walk]:
    """The walks from each layer, and from those that end at one concatenation."""
    walks = [Walk.from_linear(frozen, constants, norms, linear) for linear in linears]
    arrived: dict[Node, Arrivals] = {}
    for walk in walks:  # grows on the way
        for tensor, node, numbers in walk.arrivals:
            arrived.setdefault(node, {})[node.inputs.index(tensor)] = walk, numbers
            if len(arrived[node]) == len(node.inputs) - 1:
                walks.append(Walk.from_join(frozen, constants, norms, node, arrived[node]))
    return walks


def choose(walks: Iterable[Walk]) -> list[Walk]:
    """The walks to fold, which have a batch norm: for each layer the longest."""
    chosen: list[Walk] = []
    covered: set[Node] = set()
    for walk in reversed(list(walks)):
        nodes = {linear.node for linear in walk.linears}
        if walk.normalizes and not nodes & covered:
            covered |= nodes
            chosen.append(walk)
    return chosen[::-1]


def next_norms(frozen: Frozen, constants: Constants, norms: Set[Node], tensor: Tensor) -> Iterator[tuple[Node, Node]]:
    """The batch norms that use a tensor, each with the consumer of the tensor that leads to it."""
    for node in dict.fromkeys(frozen.users(tensor)):
        yield from ((node, norm) for norm in _norms_from(node, frozen, constants, norms))


def _norms_from(node: Node, frozen: Frozen, constants: Constants, norms: Set[Node]) -> list[Node]:
    """The op if it is a batch norm's, or the batch norms behind it with only reshapes and constants in between."""
    if node in norms:
        return [node]
    if node.type in (*ADDING, *SCALING):
        if all(constants.value(tensor) is None for tensor in node.inputs):
            return []
    elif node.type not in (*MOVING, *MIXING_POSITIONS, *IDENTITIES):
        return []
    return [norm for user in frozen.users((node, 0)) for norm in _norms_from(user, frozen, constants, norms)]


def _scales_channels(node: Node, tensor: Tensor, constants: Constants) -> bool:
    """Whether it multiplies by a constant with axes, or divides by one."""
    if node.type not in SCALING or (node.type != "Mul" and node.inputs[0] != tensor):
        return False
    value = constants.value(node.inputs[1 - node.inputs.index(tensor)])
    return value is not None and value.ndim > 0

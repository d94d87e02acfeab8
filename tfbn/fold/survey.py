"""Decides for each batch norm of a frozen graph whether it can be folded."""

from __future__ import annotations

from typing import NamedTuple

from tfbn.fold.affine import Run, run_around
from tfbn.fold.ahead import Entry, find_entries
from tfbn.fold.chains import Chain, Part, Walk, choose, next_norms, walk_all
from tfbn.fold.frozen import Frozen
from tfbn.fold.inventory import BY_BATCH, list_batch_norms
from tfbn.fold.linear import Linear, linear_of
from tfbn.graphdef.constants import Constants
from tfbn.graphdef.dataflow import Node


class Absorbed(NamedTuple):
    """A batch norm that is absorbed by the layers behind it."""

    run: Run
    layers: list[Node]


class Survey(NamedTuple):
    """The batch norms that can be folded, those that cannot, with the reason, and ops that only look like one."""

    chains: list[Chain]
    absorbed: dict[Node, Absorbed]
    lowered: dict[Node, Run]
    reasons: dict[Node, str]
    unrecognized: dict[Node, str]
    lowerable: set[Node]  # of those with a reason


def survey(frozen: Frozen, lower: bool = False) -> Survey:
    """Looks for batch norms behind every linear layer, then in front of them; `lower` lowers those that stay."""
    surveyor = _Surveyor(frozen)
    surveyor.look_in_front()
    return surveyor.conclude(lower)


class _Surveyor:
    """Assigns the batch norms of a graph to its linear layers."""

    def __init__(self, frozen: Frozen) -> None:
        self._frozen, self._constants = frozen, Constants()
        self._listed = list(list_batch_norms(frozen, self._constants))
        norms = {item.node for item in self._listed if item.recognized}
        self._linears: dict[Node, Linear] = {}
        reasons: dict[Node, str] = {}
        for node in frozen.nodes:
            linear = None if frozen.why_unfoldable(node) else linear_of(node, self._constants)
            if isinstance(linear, Linear):
                self._linears[node] = linear
            elif linear:
                reasons.update({norm: linear for _, norm in next_norms(frozen, self._constants, norms, (node, 0))})
        self._all_walks = walk_all(frozen, self._constants, norms, self._linears.values())
        for walk in self._all_walks:
            reasons.update(walk.reasons)
        for norm in self._listed:
            # A batch norm in training stays for that reason, whatever is around it.
            if norm.recognized and (norm.reason == BY_BATCH or norm.node not in reasons):
                reasons[norm.node] = norm.reason
        self._walks = choose(self._all_walks)
        self._folded = {step.node for walk in self._walks for step in walk.steps}
        order = {node: position for position, node in enumerate([*frozen.nodes, *frozen.in_functions])}
        self._reasons = {
            norm: reasons[norm] for norm in sorted(reasons, key=order.__getitem__) if norm not in self._folded
        }
        self._entries: dict[Node, Entry] = {}
        self._absorbed: dict[Node, Absorbed] = {}

    def look_in_front(self) -> None:
        """Assigns batch norms without a layer in front to the layers behind them, or adds to their reasons why not."""
        for norm in list(self._reasons):
            run = self._run_around(norm)
            behind = None if run is None else find_entries(run, self._frozen, self._constants, self._linears)
            if isinstance(behind, str):
                self._reasons[norm] += f", and {behind}"
            elif run is not None and behind is not None:
                self._absorb(run, behind)

    def conclude(self, lower: bool) -> Survey:
        """The result; with `lower`, batch norms that stay are lowered if their constants allow it."""
        staying = [norm for norm in self._reasons if norm not in self._absorbed]
        runs = {norm: run for norm in staying for run in [self._run_around(norm)] if run is not None}
        lowered = runs if lower else {}
        return Survey(
            [self._chain(walk) for walk in self._walks],
            self._absorbed,
            lowered,
            {norm: self._reasons[norm] for norm in staying if norm not in lowered},
            {item.node: item.reason for item in self._listed if not item.recognized and item.node not in self._folded},
            {*runs}.difference(lowered),
        )

    def _run_around(self, norm: Node) -> Run | None:
        if self._frozen.why_unfoldable(norm):
            return None
        return run_around(norm, self._frozen, self._constants, apart=self._folded)

    def _absorb(self, run: Run, entries: list[Entry]) -> None:
        layers = [entry.linear.node for entry in entries]
        # A layer without a batch norm behind it gets the new bias together with its own.
        alone = {*layers}.difference(linear.node for walk in self._walks for linear in walk.linears)
        walks = [walk for walk in self._all_walks if len(walk.linears) == 1 and walk.linears[0].node in alone]
        steps = {step.node for walk in walks for step in walk.steps}
        if steps & self._folded:
            return
        self._walks += walks
        self._folded |= steps | {*run.nodes}
        self._entries.update(zip(layers, entries))
        self._absorbed.update({norm: Absorbed(run, layers) for norm in self._reasons if norm in run.nodes})

    def _chain(self, walk: Walk) -> Chain:
        parts = list(walk.parts())
        for index, (linear, slope, offset) in enumerate(parts):
            if linear.node in self._entries:
                entered, bias = self._entries[linear.node].absorbed()
                parts[index] = Part(entered, slope, offset + slope * bias)
        return Chain(parts, walk.steps, walk.batch_norms if walk.normalizes else [])

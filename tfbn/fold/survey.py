"""What becomes of each batch norm of a frozen graph."""

from __future__ import annotations

from typing import NamedTuple

from tfbn.fold.affine import Run, run_around
from tfbn.fold.chains import Chain, choose, next_norms, walk_all
from tfbn.fold.frozen import Frozen
from tfbn.fold.inventory import list_batch_norms
from tfbn.fold.linear import Linear, linear_of
from tfbn.graphdef.constants import Constants
from tfbn.graphdef.dataflow import Node
from tfbn.graphdef.recognize import normalizes_by_batch


class Survey(NamedTuple):
    """What can be folded, why other batch norms cannot, and what only looks like one."""

    chains: list[Chain]
    reasons: dict[Node, str]
    unrecognized: dict[Node, str]
    lowered: dict[Node, Run]  # in place of a reason


def survey(frozen: Frozen, lower: bool = False) -> Survey:
    """Looks behind every linear layer of the graph; what cannot be folded is lowered where that is asked for."""
    reasons: dict[Node, str] = {}
    constants = Constants()
    listed = list(list_batch_norms(frozen, constants))
    norms = {each.node for each in listed if each.recognized}
    linears = []
    for node in frozen.nodes:
        linear = None if frozen.why_unfoldable(node) else linear_of(node, constants)
        if isinstance(linear, Linear):
            linears.append(linear)
        elif linear:
            reasons.update({norm: linear for _, norm in next_norms(frozen, constants, norms, (node, 0))})
    walks = walk_all(frozen, constants, norms, linears)
    for walk in walks:
        reasons.update(walk.reasons)
    for each in listed:
        # Whatever stands around a batch norm in training, that it trains is what keeps it.
        if each.recognized and (normalizes_by_batch(each.node.type, each.node.attr) or each.node not in reasons):
            reasons[each.node] = each.reason
    chains = [Chain(list(walk.parts()), walk.steps, walk.batch_norms) for walk in choose(walks)]
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

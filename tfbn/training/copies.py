"""Target networks: layers whose beta and gamma are assigned from another layer's in the graph."""

from __future__ import annotations

from typing import NamedTuple

from tfbn.graphdef import recognize, short_names
from tfbn.graphdef.dataflow import Node, is_assignment, origin_of, source_of
from tfbn.graphdef.statistic import statistic_of


class Copy(NamedTuple):
    """An assignment of a layer's beta or gamma from that of another layer."""

    assignment: Node
    short: str
    source: recognize.Layer


def find_partial_copies(recognized: recognize.Recognized) -> dict[str, Copy]:
    """The layers, by scope, whose beta or gamma is assigned from another one's, and whose statistics nothing assigns.

    Initializing or restoring a variable is no such assignment; nor is an optimizer's step, which depends on a batch.
    """
    owners = {
        node: (layer, short)
        for layer in recognized.layers.values()
        for short, nodes in layer.variables.items()
        for node in nodes
    }
    copies: dict[str, Copy] = {}
    assigned: set[str] = set()  # scopes of layers whose statistics something assigns
    for node in recognized.dataflow.all:
        variable = source_of(node.inputs[0]) if is_assignment(node) else None
        if variable not in owners or _is_initial(node, variable):
            continue
        layer, short = owners[variable]
        if short not in short_names.AFFINE:
            assigned.add(layer.scope)
            continue
        value = statistic_of(node.inputs[1])
        for read in value.variables if value is not None and not value.batch else ():
            source, source_short = owners.get(read, (layer, ""))
            if source is not layer and source_short == short:
                copies.setdefault(layer.scope, Copy(node, short, source))
    return {scope: copy for scope, copy in copies.items() if scope not in assigned}


def _is_initial(assignment: Node, variable: Node) -> bool:
    """Whether it initializes the variable, or restores it from a checkpoint."""
    return assignment.name == f"{variable.name}/Assign" or origin_of(assignment.inputs[1])[0].type.startswith("Restore")

"""Target networks: layers that take beta and gamma of others, by assignments in the graph."""

from __future__ import annotations

from typing import NamedTuple

from tfbn.graphdef import arithmetic, recognize, short_names
from tfbn.graphdef.dataflow import Node, is_assignment, origin_of, source_of


class Copy(NamedTuple):
    """An assignment of a layer's beta or gamma that takes those of another layer."""

    assignment: Node
    short: str
    source: recognize.Layer


def find_partial_copies(recognized: recognize.Recognized) -> dict[str, Copy]:
    """By their scopes, the layers that take beta or gamma of another one, and whose statistics nothing assigns.

    What initializes or restores a variable is no such assignment; nor is a step of an optimizer, which takes a batch.
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
        value = arithmetic.statistic(node.inputs[1])
        for read in value.variables if value is not None and not value.batch else ():
            source, source_short = owners.get(read, (layer, ""))
            if source is not layer and source_short == short:
                copies.setdefault(layer.scope, Copy(node, short, source))
    return {scope: copy for scope, copy in copies.items() if scope not in assigned}


def _is_initial(assignment: Node, variable: Node) -> bool:
    """Whether it initializes the variable, or restores it from a checkpoint."""
    return assignment.name == f"{variable.name}/Assign" or origin_of(assignment.inputs[1])[0].type.startswith("Restore")

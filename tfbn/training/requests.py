"""What a Saver asks a checkpoint for, by the ops that restore."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import tensorflow as tf

from tfbn.graphdef.arithmetic import constant_of
from tfbn.graphdef.dataflow import Dataflow, Node, origin_of, source_of
from tfbn.graphdef.slices import is_assignment

_HANDING_ON = frozenset(("Identity", "Reshape", "Cast"))
# Of a part of a partitioned variable: the sizes of the whole, and then where the part is in it.
_SLICE = re.compile(r"(?P<sizes>(\d+ )+)\S+")


class Request(NamedTuple):
    """A variable that a Saver restores."""

    name: str  # in the checkpoint
    dtype: str
    shape: tuple[int, ...] | None  # None where the graph does not tell


def find_requests(dataflow: Dataflow, restore_op: str) -> list[Request]:
    """What the op that a SaverDef names restores, in the order of the names."""
    start = dataflow.nodes.get(restore_op)
    reached = dataflow.reach([start]) if start is not None else set()
    shapes = {origin_of(node.inputs[1], _HANDING_ON): _shape_of(node) for node in reached if is_assignment(node)}
    requests = {request.name: request for node in reached for request in _requests_of(node, shapes)}
    return sorted(requests.values(), key=lambda request: request.name)


def _requests_of(node: Node, shapes: dict) -> Iterator[Request]:
    if node.type != "RestoreV2":
        return
    names, slices = (constant_of(tensor) for tensor in node.inputs[1:3])
    if names is None:
        return
    for index, name in enumerate(names.ravel()):
        part = _SLICE.fullmatch(slices.ravel()[index].decode()) if slices is not None else None
        shape = tuple(map(int, part["sizes"].split())) if part else shapes.get((node, index))
        yield Request(name.decode(), tf.as_dtype(node.attr["dtypes"].list.type[index]).name, shape)


def _shape_of(assignment: Node) -> tuple[int, ...] | None:
    variable = source_of(assignment.inputs[0])
    if "shape" not in variable.attr or variable.attr["shape"].shape.unknown_rank:
        return None
    sizes = tuple(dim.size for dim in variable.attr["shape"].shape.dim)
    return None if any(size < 0 for size in sizes) else sizes

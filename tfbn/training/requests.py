"""Compares the variables that a Saver restores, read from its ops, with those of a checkpoint."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tfbn.checkpoint import object_graph
from tfbn.checkpoint.nearest import nearest_names
from tfbn.checkpoint.open import open as open_checkpoint
from tfbn.checkpoint.reader import Entry
from tfbn.checkpoint.rename import apply_renames
from tfbn.errors import Finding
from tfbn.graphdef.dataflow import Dataflow, Node, is_assignment, origin_of, source_of
from tfbn.graphdef.op_types import VARIABLES
from tfbn.graphdef.short_names import split_name
from tfbn.graphdef.statistic import constant_of
from tfbn.tables import format_shape
from tfbn.training import advice

_RESTORING = ("RestoreV2", "RestoreSlice", "Restore")
_HANDING_ON = frozenset(("Identity", "Reshape", "Cast"))
# For a part of a partitioned variable: the sizes of the whole, and then the part's place in it.
_SLICE = re.compile(r"(?P<sizes>(\d+ )+)\S+")


class Request(NamedTuple):
    """A variable that a Saver restores."""

    name: str  # in the checkpoint
    dtype: str
    shape: tuple[int, ...] | None  # None where the graph does not say


def find_requests(dataflow: Dataflow, restore_op: str) -> list[Request] | None:
    """The variables that a SaverDef's op restores, sorted by name; None where the graph does not say."""
    start = dataflow.nodes.get(restore_op)
    reached = dataflow.reach([start]) if start is not None else set()
    restoring = [node for node in reached if node.type in _RESTORING]
    if not restoring or any(_names_of(node) is None for node in restoring):
        return None
    shapes = {
        origin_of(node.inputs[1], _HANDING_ON): _shape_of(source_of(node.inputs[0]))
        for node in reached
        if is_assignment(node)
    }
    requests = {request.name: request for node in restoring for request in _requests_of(node, shapes)}
    return sorted(requests.values(), key=lambda request: request.name)


def request_all(dataflow: Dataflow) -> list[Request]:
    """Every variable, as tf.train.Saver() would restore them, for a graph that has no Saver."""
    requests = {}
    for node in dataflow.nodes.values():
        if node.type in VARIABLES:
            scope, short = split_name(node.name)
            name = f"{scope}/{short}" if scope else short
            # No op has the size of the whole variable that a part belongs to.
            shape = _shape_of(node) if name == node.name else None
            requests[name] = Request(name, tf.as_dtype(node.attr["dtype"].type).base_dtype.name, shape)
    return sorted(requests.values(), key=lambda request: request.name)


def check_restoring(
    dataflow: Dataflow,
    restore_op: str | None,
    checkpoint: str | os.PathLike[str],
    rename: Sequence[tuple[str, str]] = (),
) -> list[Finding]:
    """Reports what a checkpoint lacks for a graph.

    Args:
      dataflow: the graph.
      restore_op: that of its SaverDef; None if it has no Saver: then all variables are requested.
      checkpoint: as for `tfbn.checkpoint.open`.
      rename: pairs of a regular expression and its replacement for the names that the graph asks for.

    Returns:
      An error for each variable that the checkpoint lacks, or has in another shape or dtype; or a warning that the
      graph does not say what it restores.
    """
    requests = request_all(dataflow) if restore_op is None else find_requests(dataflow, restore_op)
    if requests is not None:
        by_name = apply_renames({request.name: request for request in requests}, rename)
        requests = [request._replace(name=name) for name, request in by_name.items()]
    findings = _check_requests(requests or (), checkpoint)
    if requests is None:
        problem = f"the graph does not tell what it restores: nothing was compared with {os.fspath(checkpoint)}."
        findings.append(Finding("not compared", "warning", restore_op or "", problem, advice.NOT_COMPARED))
    return findings


def _check_requests(requests: Sequence[Request], checkpoint: str | os.PathLike[str]) -> list[Finding]:
    stored = _stored(checkpoint)
    missing = {request.name: request.shape or () for request in requests if request.name not in stored}
    asked = {request.name for request in requests}
    others = {name: entry.shape for name, entry in stored.items() if name not in asked}
    nearest = nearest_names(missing, {**others, **missing})
    findings = []
    for name, dtype, shape in requests:
        if name in missing:
            hint = f"; {nearest[name]} is" if name in nearest else ""
            problem = f"a Saver asks for it, and it is not in {os.fspath(checkpoint)}{hint}."
        elif shape is not None and shape != stored[name].shape:
            shapes = format_shape(shape), format_shape(stored[name].shape)
            problem = f"it has the shape {shapes[0]}, and in {os.fspath(checkpoint)} {shapes[1]}."
        elif dtype != stored[name].dtype:
            problem = f"it has the dtype {dtype}, and in {os.fspath(checkpoint)} {stored[name].dtype}."
        else:
            continue
        findings.append(Finding("not in the checkpoint", "error", name, problem, advice.NOT_IN_CHECKPOINT))
    return findings


def _stored(checkpoint: str | os.PathLike[str]) -> dict[str, Entry]:
    """The variables by the names that a Saver looks for."""
    with open_checkpoint(checkpoint) as reader:
        if object_graph.KEY not in reader.entries:
            return dict(reader.entries)
        # In an object-based checkpoint, a Saver looks for the names that the variables had.
        names = object_graph.full_names(reader[object_graph.KEY].item())
        return {name: reader.entries[key] for name, key in names.items() if key in reader.entries}


def _names_of(node: Node) -> Any:
    """The names in the checkpoint; None for ops older than RestoreV2, and where each run computes them."""
    names = constant_of(node.inputs[1]) if node.type == "RestoreV2" else None
    return None if names is None else names.ravel()


def _requests_of(node: Node, shapes: dict) -> Iterator[Request]:
    slices = constant_of(node.inputs[2])
    for index, name in enumerate(_names_of(node)):
        part = _SLICE.fullmatch(slices.ravel()[index].decode()) if slices is not None else None
        shape = tuple(map(int, part["sizes"].split())) if part else shapes.get((node, index))
        yield Request(name.decode(), tf.as_dtype(node.attr["dtypes"].list.type[index]).name, shape)


def _shape_of(variable: Node) -> tuple[int, ...] | None:
    if "shape" not in variable.attr or variable.attr["shape"].shape.unknown_rank:
        return None
    sizes = tuple(dim.size for dim in variable.attr["shape"].shape.dim)
    return None if any(size < 0 for size in sizes) else sizes

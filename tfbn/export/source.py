"""Where a graph and the values of its variables come from."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfbn import bundle_index
from tfbn.checkpoint.stored import OPAQUE
from tfbn.graph import registry

Values = Callable[[Any, list[str]], dict[str, np.ndarray]]  # of a GraphDef's variables, by the names of their ops


class Source(NamedTuple):
    graph_def: Any
    calls: list[registry.Call]  # of tfbn's layers outside of functions, where this process built the graph
    values: Values
    graph: tf.Graph | None = None


def open_source(source: Any, checkpoint: str | os.PathLike[str] | None) -> Source:
    """The graph and the values of a source; raises ValueError for anything else."""
    if isinstance(source, tf.compat.v1.MetaGraphDef):
        source = source.graph_def
    if isinstance(source, tf.compat.v1.GraphDef):
        return Source(source, [], _checkpoint_reader(checkpoint))
    if isinstance(source, tf.Graph):
        return Source(source.as_graph_def(), _calls(source), _checkpoint_reader(checkpoint), source)
    if isinstance(getattr(source, "graph", None), tf.Graph) and hasattr(source, "run"):
        values = _session_reader(source) if checkpoint is None else _checkpoint_reader(checkpoint)
        return Source(source.graph.as_graph_def(), _calls(source.graph), values, source.graph)
    raise ValueError(
        f"expected `source` to be a Session, a Graph, a GraphDef or a MetaGraphDef, got {type(source).__name__}. Of a "
        "file, read the GraphDef or MetaGraphDef first: tf.compat.v1.GraphDef.FromString(bytes)."
    )


def _calls(graph: tf.Graph) -> list[registry.Call]:
    """The calls whose ops are in the graph itself: an op in a function's body may have the same name as another."""
    return [call for call in registry.calls_of(graph) if call.outputs.graph is graph and call.inputs.graph is graph]


def _session_reader(session: Any) -> Values:
    """The values of the session's variables, read by existing ops of its graph."""

    def values(graph_def: Any, names: list[str]) -> dict[str, np.ndarray]:
        reads = _reads(graph_def, names)
        missing = [name for name in names if name not in reads]
        if missing:
            raise ValueError(
                f"expected an op outside of branches and loops that reads each variable, got none for {missing}. Save "
                "a checkpoint and pass it as checkpoint=."
            )
        try:
            return session.run({name: reads[name] for name in names})
        except tf.errors.FailedPreconditionError as error:
            raise ValueError(
                "expected a session whose variables have values, got one in which some have none. Restore or "
                f"initialize them first: {error.message}"
            ) from error

    return values


def _reads(graph_def: Any, names: list[str]) -> dict[str, str]:
    """A tensor with the value of each variable."""
    variables, reads = set(names), {}
    for node in graph_def.node:
        if node.name in variables and node.op != "VarHandleOp":
            reads[node.name] = f"{node.name}:0"
        elif node.op == "ReadVariableOp" and len(node.input) == 1 and node.input[0] in variables:
            reads.setdefault(node.input[0], f"{node.name}:0")
    return reads


def _checkpoint_reader(checkpoint: str | os.PathLike[str] | None) -> Values:
    def values(graph_def: Any, names: list[str]) -> dict[str, np.ndarray]:
        if not names:
            return {}
        if checkpoint is None:
            raise ValueError(
                f"expected the values of the variables {_few(names)}: give a Session as `source`, or checkpoint=; or "
                'keep the variables with variables="keep".'
            )
        shapes = {node.name: node.attr["shape"].shape for node in graph_def.node if node.name in set(names)}
        bundle_index.check(checkpoint)
        try:
            reader = tf.train.load_checkpoint(os.fspath(checkpoint))
            stored = reader.get_variable_to_shape_map()
            opaque = [name for name, dtype in reader.get_variable_to_dtype_map().items() if dtype.name in OPAQUE]
            arrays = {name: reader.get_tensor(name) for name in names if name in stored and name not in opaque}
            arrays.update(_parts(reader, stored, shapes, [name for name in names if name not in arrays]))
        except (tf.errors.OpError, IndexError, RuntimeError, ValueError) as error:  # TensorFlow's, for damaged files
            raise ValueError(
                f"expected a checkpoint that TensorFlow reads, got {os.fspath(checkpoint)}: {error}"
            ) from error
        missing = [name for name in names if name not in arrays]  # or no numbers
        if missing:
            raise ValueError(
                f"expected the checkpoint {os.fspath(checkpoint)} to hold each variable under the name of its op, got "
                f"none for {_few(missing)}; it holds {_few(sorted(stored))}."
            )
        return arrays

    return values


def _parts(reader: Any, stored: dict[str, Any], shapes: dict[str, Any], names: Iterable[str]) -> dict[str, np.ndarray]:
    """Parts of partitioned variables, which a checkpoint stores as one."""
    arrays: dict[str, np.ndarray] = {}
    starts: dict[str, int] = {}
    for name in sorted(names, key=_numbered):
        whole, _, part = name.rpartition("/")
        if not part.startswith("part_") or whole not in stored:
            continue
        value = reader.get_tensor(whole)
        sizes = [dim.size for dim in shapes[name].dim]
        axis = next((i for i, size in enumerate(sizes) if size != value.shape[i]), 0)
        start = starts.get(whole, 0)
        starts[whole] = start + sizes[axis]
        arrays[name] = np.take(value, range(start, starts[whole]), axis)
    return arrays


def _numbered(name: str) -> tuple[str, int]:
    whole, _, part = name.rpartition("_")
    return whole, int(part) if part.isdigit() else 0


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")

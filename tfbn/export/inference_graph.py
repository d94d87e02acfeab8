"""`inference_graph`: a training graph without its training."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, NamedTuple

import tensorflow as tf

from tfbn.export import check, names, pins, rewrite, waits
from tfbn.export.evaluate import evaluate
from tfbn.export.flatten import flatten
from tfbn.export.freeze import freeze
from tfbn.export.freeze import variables as variables_of
from tfbn.export.nodes import Nodes, Tensor, copied, graph_def_of, imported, pruned, without_colocation
from tfbn.export.report import Report
from tfbn.export.source import Source, open_source
from tfbn.graph import recognize


class InferenceGraph(NamedTuple):
    graph_def: Any
    inputs: tuple[str, ...]  # tensors to feed
    outputs: tuple[str, ...]
    report: Report


class _Start(NamedTuple):
    """A graph before anything is decided in it: without functions, and of what its outputs and updates need alone."""

    nodes: Nodes
    outputs: list[Tensor]
    like: Any  # the GraphDef that it came from

    @property
    def roots(self) -> list[str]:
        return list(dict.fromkeys(name for name, _ in self.outputs))


def inference_graph(
    source: Any,
    outputs: Any,
    *,
    inputs: Any = None,
    is_training: Any = None,
    variables: str = "freeze",
    checkpoint: str | os.PathLike[str] | None = None,
    keep_training: Iterable[str] = (),
) -> InferenceGraph:
    """TODO"""
    given = open_source(source, checkpoint)
    if variables not in ("freeze", "keep"):
        raise ValueError(f'expected `variables` to be "freeze" or "keep", got {variables!r}.')
    start, fed = _start(given.graph_def, outputs, inputs)
    pinned = _pins(start, is_training, copied(given.graph_def))
    decided = _decide(start, pinned)
    recognized = recognize.recognize(graph_def_of(decided, start.like))
    nodes, updates = waits.without_updates(decided, start.roots)
    training = check.remaining(nodes, recognized)
    done = rewrite.by_updates(decided, training, rewrite.wiring_of(recognized))
    placed = {name for name, node in recognized.dataflow.nodes.items() if recognized.conditions.of(node)}
    rest = training.keys() - {each.op for each in done}
    nodes, remembered = rewrite.by_registry(decided, start.roots, rest, given.calls, placed, start.like)
    nodes = waits.without_needless_waits(nodes, start.roots, start.like)
    report = Report(
        outputs=tuple(map(names.text, start.outputs)),
        pinned=tuple(pinned),
        rewritten=(*done, *remembered),
        updates=tuple(updates),
    )
    report = check.checked(nodes, recognized, report, tuple(keep_training), start.like)
    report = report._replace(inputs=_inputs(nodes, fed))
    return _finished(given, nodes, variables == "freeze", report)


def _start(graph_def: Any, outputs: Any, inputs: Any) -> tuple[_Start, list[Tensor] | None]:
    nodes = copied(graph_def)
    wanted = names.tensors(outputs, "outputs", nodes)
    fed = None if inputs is None else names.cut(nodes, names.tensors(inputs, "inputs", nodes), graph_def)
    recognized = recognize.recognize(graph_def)
    # Which op belongs to a layer only the layer's variables and updates tell, which the outputs may not need.
    told = {node.name for node in recognized.statistics}
    told.update(update.node.name for layer in recognized.layers.values() for update in layer.updates)
    reached = pruned(nodes, [*(name for name, _ in wanted), *(name for name in nodes if name in told)])
    return _Start(flatten(reached, graph_def.library, wanted), wanted, graph_def), fed


def _pins(start: _Start, is_training: Any, nodes: Nodes) -> list[str]:
    """The ops to put False in place of: those given, or those found."""
    if is_training is None:
        return pins.find(start.nodes, lambda nodes: _training(start, nodes).keys())
    given = [name for name, _ in names.tensors(is_training, "is_training", nodes)]
    return [name for name in given if name in start.nodes]


def _decide(start: _Start, pinned: list[str]) -> Nodes:
    nodes = pins.pinned(start.nodes, pinned)
    graphs: list[tf.Graph] = []

    def shape(tensor: Tensor) -> Any:
        if not graphs:
            graphs.append(imported(nodes, start.like))
        return graphs[0].get_tensor_by_name(names.text(tensor)).shape

    evaluated = evaluate(nodes, shape)
    left = evaluated.nodes

    def dtype(name: str, index: int) -> tf.DType:
        return tf.int32 if index and nodes[name].op == "Merge" else tf.as_dtype(nodes[name].attr["T"].type).base_dtype

    names.restore(left, start.outputs, evaluated.instead, dtype)
    for name in start.roots:
        if name not in left:
            raise ValueError(f"expected outputs that inference has, got {name}, which is computed in training alone.")
    return left


def _training(start: _Start, nodes: Nodes) -> dict[str, tuple[str, str]]:
    """What normalizes the outputs by the batch, in a graph where the values of `nodes` are known, and in what mode."""
    decided = _decide(start._replace(nodes=nodes), [])
    recognized = recognize.recognize(graph_def_of(decided, start.like))
    return check.remaining(waits.without_updates(decided, start.roots)[0], recognized)


def _inputs(nodes: Nodes, fed: list[Tensor] | None) -> tuple[str, ...]:
    needed = [(name, 0) for name, node in nodes.items() if node.op in ("Placeholder", "PlaceholderV2")]
    if fed is None:
        return tuple(map(names.text, needed))
    rest = [name for name, _ in needed if (name, 0) not in fed]
    unused = [name for name, _ in fed if name not in nodes]
    if rest:
        raise ValueError(
            f"expected `inputs` to be all that the outputs are computed from, got none for {rest}. Add them, or pin "
            "what only says whether the graph trains: is_training=[...]."
        )
    if unused:
        raise ValueError(
            f"expected `inputs` that the outputs are computed from, got {unused}, which have no part in them."
        )
    return tuple(map(names.text, fed))


def _finished(given: Source, nodes: Nodes, frozen: bool, report: Report) -> InferenceGraph:
    found = variables_of(nodes)
    if frozen:
        freeze(nodes, given.values(given.graph_def, found))
        report = report._replace(frozen=tuple(found))
    else:
        report = report._replace(kept=tuple(found))
    graph_def = without_colocation(graph_def_of(nodes, given.graph_def))
    for node in graph_def.node:
        # Whoever imports the graph need not know the gradients that it was trained by.
        node.attr.pop("_gradient_op_type", None)
    imported(nodes, given.graph_def)
    return InferenceGraph(graph_def, report.inputs, report.outputs, report)

"""Validates an inference graph: whether anything in it still normalizes by the batch."""

from __future__ import annotations

from collections.abc import Sequence, Set

from tfbn.errors import Finding, TrainingModeError
from tfbn.export.decide import find_training
from tfbn.export.report import Report
from tfbn.graphdef import recognize
from tfbn.graphdef.dataflow import names_of
from tfbn.graphdef.graph import Graph
from tfbn.graphdef.op_types import normalizes_by_batch
from tfbn.graphdef.unexplained import Unexplained

_REMEDY = """\
  Export from the process that has built the layer with tfbn, which remembers its variables; or build the graph with an
  is_training placeholder, restore the checkpoint there, and export that. What is to normalize by the batch in inference
  too, such as a layer normalization that is made of the fused op: keep_training=["its/scope"]."""

_BY_BATCH = "normalizes by the batch, and belongs to no known batch norm layer; the export does not change it."
_UNRECOGNIZED = """\
  Where that is meant in inference too, as for advantages or standardized targets, it is right. Otherwise average its
  statistics in variables and normalize by those in inference, or build the layer by tfbn.batch_norm."""

_UNKNOWN_FORM = """\
  Compare the export's outputs with those of your graph in inference. Where they differ, build the layer by
  tfbn.batch_norm, or give an is_training placeholder that the export can pin."""

_DECIDED_BY_RUN = """\
  Name the switch, a placeholder, a variable or any boolean tensor that is False in inference: is_training=..."""


def validate(
    graph: Graph,
    last: recognize.Recognized,
    recognized: recognize.Recognized,
    report: Report,
    kept: Set[str],
    refused: Sequence[Finding],
) -> Report:
    """The report with the layers of the graph; `kept` are the ops that are meant to normalize by the batch.

    `last` is recognized in the graph, and `recognized` in the graph before it was rewritten.

    Raises:
      TrainingModeError: another op normalizes by the batch, or `refused` has layers already.
    """
    before = find_training(graph, recognized)
    for rewritten in report.rewritten:
        before.pop(rewritten.op, None)
    training = {**before, **find_training(graph, last)}
    left = tuple(name for name in training if name in kept)
    refused = (*refused, *(_finding(graph, name, *training[name]) for name in training if name not in kept))
    layers = tuple(
        layer.scope for layer in last.layers.values() if any(call.mode == "inference" for call in layer.normalizations)
    )
    averaged = {node.name for each in recognized.unexplained for node in each.sources}
    unrecognized = tuple(
        Finding("unrecognized", "warning", form.node.name, f"{form.node.name} {_BY_BATCH}", _UNRECOGNIZED)
        for form in last.unrecognized
        if form.node.name not in (*kept, *training) and averaged.isdisjoint(node.name for node in form.sources)
    )
    unrecognized += tuple(
        Finding("unrecognized", "warning", each.node.name, f"{each.node.name} {_describe(each)}", _UNKNOWN_FORM)
        for each in recognized.unexplained
        if each.node.name in graph
    )
    report = report._replace(layers=layers, left_training=left, refused=refused, unrecognized=unrecognized)
    if refused:
        raise TrainingModeError(refused, report)
    return report


def _describe(unexplained: Unexplained) -> str:
    return (
        f"may normalize by averages of the batch ({names_of(unexplained.variables)}), in an unknown form; the "
        "export does not change it."
    )


def _finding(graph: Graph, name: str, layer: str, mode: str) -> Finding:
    if mode == "dynamic":
        problem = f"each run decides whether {name} normalizes by the batch, and nothing pinned to False decides it."
        return Finding("dynamic", "error", layer, problem, _DECIDED_BY_RUN)
    if normalizes_by_batch(graph[name].op, graph[name].attr):
        why = (
            "no update shows which moving statistics belong to it, or its scale and offset are more than gamma and beta"
        )
    else:
        why = (
            "it consists of several ops, no update averages exactly its statistics, or something else uses these as "
            "well, and tfbn did not build it in this process, or built it in a branch, a loop or a function"
        )
    return Finding("training", "error", layer, f"{name} normalizes by the batch: {why}.", _REMEDY)

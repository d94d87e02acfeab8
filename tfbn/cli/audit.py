"""`tfbn audit`: the layers of a training graph in a file, how a step updates them, and what its Saver keeps."""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import Any, NamedTuple

from tfbn.cli import names, quiet
from tfbn.errors import Finding, NoLayersWarning
from tfbn.lines import Lines
from tfbn.report import EXIT_STATUSES, Report, add_options

SUMMARY = "check how a training graph updates and saves its batch norm layers"

_EXAMPLE = f"""\
example:
  tfbn audit model.ckpt-1000.meta --step train_op
  tfbn audit model.ckpt-1000.meta --step d_step --scope discriminator

Without --step it lists the layers, checks the Saver, and names the ops that may be the step (exit status 2).

{EXIT_STATUSES}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Lists the batch norm layers of a training graph, checks that a step updates their moving statistics, and that "
        "the graph's Saver keeps them: tfbn.list_layers, check_updates and check_saver for a file. Nothing is run."
    )
    parser.epilog = _EXAMPLE
    parser.add_argument("graph", metavar="MODEL.meta", help="a MetaGraph, as a Saver writes it beside its checkpoints")
    parser.add_argument("--step", nargs="+", metavar="NAME", help="ops or tensors that one training step fetches")
    parser.add_argument(
        "--scope", nargs="+", metavar="SCOPE", help="scopes of the layers that the step trains (default: all)"
    )
    parser.add_argument("--checkpoint", metavar="PATH", help="a checkpoint to restore: report what it lacks")
    add_options(parser)


class _Audit(NamedTuple):
    """The results of the audits of a graph."""

    layers: Any
    has_saver: bool
    findings: list[Finding]
    steps: list[str]  # ops that may be the step, if the user names none


def run(options: argparse.Namespace, report: Report) -> None:
    quiet.tensorflow()
    report.activity = f"auditing {options.graph}"
    report.fields.update(graph=options.graph, layers=[], candidates=[])
    with quiet.native_stderr_suppressed():
        audit = _audit(options)
    layers, findings = audit.layers, audit.findings
    report.fields.update(
        layers=[{column: getattr(layer, column) for column in layers.COLUMNS} for layer in layers],
        candidates=audit.steps,
    )
    report.summary["layers"] = len(layers)
    report.findings += findings
    report.say(layers if layers else f"0 layers: no batch norm layer is recognized in {options.graph}.")
    if not audit.has_saver:
        report.say("This MetaGraph has no Saver: whether checkpoints keep the statistics is not checked.")
    if options.step is None and not audit.steps:
        report.say("No op of this graph runs an optimizer: there is no step to check.")
    report.say_findings()
    if audit.steps:
        problem = (
            "expected --step, what one step of training fetches, to check the updates. Nothing waits for these ops, "
            "which run an optimizer:"
        )
        raise ValueError(Lines.of([problem, *(f"  --step {name}" for name in audit.steps)]))
    counts = [sum(finding.severity == severity for finding in findings) for severity in ("error", "warning")]
    report.say(f"{len(layers)} layers, {counts[0]} errors, {counts[1]} warnings")


def _audit(options: argparse.Namespace) -> _Audit:
    """Runs the audits with a progress bar; nothing is printed before it ends."""
    from tfbn.graphdef.dataflow import Dataflow
    from tfbn.progress import Progress
    from tfbn.training.check_saver import check_saver
    from tfbn.training.check_updates import check_updates
    from tfbn.training.list_layers import list_layers
    from tfbn.training.requests import check_restoring
    from tfbn.training.steps import find_steps

    findings: list[Finding] = []
    steps: list[str] = []
    with Progress("Auditing", 4, "steps") as bar:
        graph, saver = _load(Path(options.graph))
        bar.update()
        layers = list_layers(graph)
        bar.update()
        if saver is not None:
            findings += check_saver(saver, graph, raise_on_error=False, checkpoint=options.checkpoint)
        elif options.checkpoint is not None:
            findings += check_restoring(Dataflow(graph.as_graph_def()), None, options.checkpoint)
        bar.update()
        if options.step is None:
            steps = find_steps(graph)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NoLayersWarning)  # the report says so
                step, scope = names(options.step), names(options.scope)
                findings += check_updates(step, graph, scope, raise_on_error=False)
        bar.update()
    return _Audit(layers, saver is not None, findings, steps)


def _load(path: Path) -> tuple[Any, Any]:
    """The graph, and its SaverDef or None."""
    import tensorflow as tf

    from tfbn.graphdef.load import IMPORT_ERRORS, read_meta_graph
    from tfbn.graphdef.messages import reason

    meta_graph = read_meta_graph(path)
    for collection in (tf.compat.v1.GraphKeys.GLOBAL_VARIABLES, tf.compat.v1.GraphKeys.TRAINABLE_VARIABLES):
        if collection not in meta_graph.collection_def:
            continue
        kind = meta_graph.collection_def[collection].WhichOneof("kind")
        if kind not in (None, "node_list", "bytes_list"):
            raise ValueError(
                f"{path}: expected a MetaGraph whose collection {collection} has variables, got {kind} in it."
            )
    for node in meta_graph.graph_def.node:
        node.attr.pop("_output_shapes", None)  # inferred by some version, and refused by others
    with tf.Graph().as_default() as graph:
        try:
            tf.compat.v1.train.import_meta_graph(meta_graph, clear_devices=True)
        except IMPORT_ERRORS as error:
            raise ValueError(
                f"{path}: expected a MetaGraph that TensorFlow imports, got one it refuses: {reason(error)}"
            ) from error
    saver = meta_graph.saver_def
    return graph, saver if saver.save_tensor_name else None

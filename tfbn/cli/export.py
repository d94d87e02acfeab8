"""`tfbn export`: a training graph in a file to a graph for inference."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from tfbn import files
from tfbn.cli import names, quiet
from tfbn.errors import TrainingModeError
from tfbn.report import EXIT_STATUSES, Report, add_options

SUMMARY = "make a graph for inference of the graph that a model was trained in"

_EXAMPLE = f"""\
example:
  tfbn export model.ckpt-1000.meta model.pb --outputs logits
  tfbn export model.ckpt-1000.meta model --outputs logits --inputs images --is-training phase

Layers that only train, and of which nothing tells the moving statistics, are findings: nothing is written then.

{EXIT_STATUSES}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Pins is_training to False, takes out what only training needs, and freezes the variables. Layers built with "
        "is_training=True are made to normalize by their moving statistics where the graph tells which those are."
    )
    parser.epilog = _EXAMPLE
    parser.add_argument("source", help="a MetaGraph (.meta), a GraphDef (.pb, .pbtxt) or a SavedModel's directory")
    parser.add_argument("target", help="a GraphDef to write (.pb), or a SavedModel's directory")
    parser.add_argument("--outputs", nargs="+", metavar="NAME", help="tensors; a SavedModel's are in its signature")
    parser.add_argument(
        "--inputs", nargs="+", metavar="NAME", help="tensors to feed (default: the placeholders needed)"
    )
    parser.add_argument("--checkpoint", metavar="PATH", help="values of the variables (default: beside a .meta)")
    parser.add_argument("--is-training", nargs="+", metavar="NAME", help="what is False in inference (default: found)")
    parser.add_argument("--variables", choices=("freeze", "keep"), default="freeze", help="default: %(default)s")
    parser.add_argument(
        "--keep-training",
        nargs="+",
        metavar="SCOPE",
        help="layers, or ops of theirs, that go on normalizing by the batch",
    )
    parser.add_argument("--tags", nargs="*", default=("serve",), metavar="TAG", help="of a SavedModel (default: serve)")
    add_options(parser)


def run(options: argparse.Namespace, report: Report) -> None:
    quiet.tensorflow()
    from tfbn.graphdef.load import load

    report.activity = f"exporting {options.source} to {options.target}"
    report.fields.update(source=options.source, target=options.target)
    with quiet.chatter_held_back(), load(options.source, options.tags, options.checkpoint) as found:
        exported: Any
        try:
            exported = _export(options, found)
            report.say(f"{options.target}\n{exported}")
            report.findings += exported.warnings
        except TrainingModeError as refusal:
            exported = refusal.report
            report.findings += exported.refused
            report.say(f"{options.source}: not exported.", file=sys.stderr)
            report.say_findings(file=sys.stderr)
        fields = exported.as_dict()
        for each in ("refused", "unrecognized", "never_updated"):  # the findings
            del fields[each]
        report.fields.update(fields)
        report.summary.update(layers=len(exported.layers), frozen=len(exported.frozen), kept=len(exported.kept))


def _export(options: argparse.Namespace, found: Any) -> Any:
    from tfbn import export

    outputs, inputs = names(options.outputs) or found.outputs, names(options.inputs) or found.inputs
    if not outputs:
        raise ValueError(f"expected --outputs: {options.source} has no signature that names them.")
    arguments = {
        "inputs": inputs,
        "is_training": names(options.is_training),
        "variables": options.variables,
        "checkpoint": found.checkpoint,
        "keep_training": names(options.keep_training) or (),
    }
    target = Path(options.target)
    if target.suffix != ".pb":
        return export.saved_model(target, found.source, outputs, **arguments).report
    exported = export.inference_graph(found.source, _tensors(outputs), **{**arguments, "inputs": _tensors(inputs)})
    with files.replacing(target) as beside:
        beside.write_bytes(exported.graph_def.SerializeToString())
    return exported.report


def _tensors(given: Any) -> Any:
    # A signature may have one tensor under several keys.
    return list(dict.fromkeys(given.values())) if isinstance(given, dict) else given

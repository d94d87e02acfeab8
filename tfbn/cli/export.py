"""`tfbn export`: a training graph in a file to a graph for inference."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from tfbn import files
from tfbn.cli import names, quiet
from tfbn.errors import TrainingModeError
from tfbn.lines import Lines
from tfbn.paths import check_not_input
from tfbn.report import EXIT_STATUSES, Report, add_options

SUMMARY = "turn a training graph into a graph for inference"

_EXAMPLE = f"""\
example:
  tfbn export model.ckpt-1000.meta model.pb --outputs logits
  tfbn export model.ckpt-1000.meta model --outputs scores=logits --inputs images --is-training phase
  tfbn export checkpoints model.pbtxt --outputs logits

Layers that only train and whose moving statistics are unknown are findings; nothing is written then.

{EXIT_STATUSES}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Pins is_training to False, removes what only training needs, and freezes the variables. Layers built with "
        "is_training=True are made to normalize by their moving statistics if the graph shows which those are."
    )
    parser.epilog = _EXAMPLE
    parser.add_argument(
        "source",
        help="a MetaGraph (.meta), a GraphDef (.pb, .pbtxt), a SavedModel's directory or one of checkpoints",
    )
    parser.add_argument("target", help="a GraphDef to write (.pb; .pbtxt is text), or a SavedModel's directory")
    parser.add_argument(
        "--outputs",
        nargs="+",
        metavar="[KEY=]NAME",
        help="tensors; KEY is the name in the signature to write (default: those of the source's signature)",
    )
    parser.add_argument(
        "--inputs", nargs="+", metavar="[KEY=]NAME", help="tensors to feed (default: the placeholders needed)"
    )
    parser.add_argument(
        "--checkpoint", metavar="PATH", help="values of the variables (default: the one beside a .meta)"
    )
    parser.add_argument(
        "--is-training",
        nargs="+",
        metavar="NAME",
        help="tensors that are False in inference (default: those that the layers read)",
    )
    parser.add_argument("--variables", choices=("freeze", "keep"), default="freeze", help="default: %(default)s")
    parser.add_argument(
        "--keep-training",
        nargs="+",
        metavar="SCOPE",
        help="layers, or their ops, that still normalize by the batch",
    )
    parser.add_argument("--tags", nargs="*", default=("serve",), metavar="TAG", help="of a SavedModel (default: serve)")
    add_options(parser)


def run(options: argparse.Namespace, report: Report) -> None:
    quiet.tensorflow()
    from tfbn.graphdef.load import load

    report.activity = f"exporting {options.source} to {options.target}"
    report.fields.update(source=options.source, target=options.target)
    with quiet.native_stderr_suppressed(), load(options.source, options.tags, options.checkpoint) as loaded:
        report.fields.update(source=loaded.path)
        exported: Any
        try:
            exported = _export(options, loaded)
            graph = [] if str(loaded.path) == options.source else [f"graph: {loaded.path}"]
            report.say(Lines.of([options.target, *graph, *str(exported).split("\n")]))
            report.findings += exported.warnings
        except TrainingModeError as refusal:
            exported = refusal.report
            report.findings += exported.refused
            report.say(f"{options.source}: not exported.", file=sys.stderr)
            report.say_findings(file=sys.stderr)
        fields = exported.as_dict()
        for name in ("refused", "unrecognized", "never_updated"):  # reported as findings
            del fields[name]
        report.fields.update(fields)
        report.summary.update(layers=len(exported.layers), frozen=len(exported.frozen), kept=len(exported.kept))


def _export(options: argparse.Namespace, loaded: Any) -> Any:
    from tfbn import export
    from tfbn.export.suggest_outputs import suggest_outputs
    from tfbn.graphdef.load import serialize

    if not options.target:  # as of a variable of a shell that is not set; Path would take it for this folder
        raise ValueError("expected the path of a target, got an empty one. Name a .pb file or a directory.")
    target = Path(options.target)
    is_file = target.suffix in (".pb", ".pbtxt")
    outputs = _tensors(options.outputs, "--outputs", is_file) or loaded.outputs
    inputs = _tensors(options.inputs, "--inputs", is_file) or loaded.inputs
    if not outputs:
        candidates = suggest_outputs(loaded.source)
        lines = [f"expected --outputs: {options.source} has no signature that names them."]
        if candidates:
            lines[0] += " These ops look like outputs:"
        raise ValueError(Lines.of([*lines, *(f"  --outputs {name}" for name in candidates)]))
    arguments = {
        "is_training": names(options.is_training),
        "variables": options.variables,
        "checkpoint": loaded.checkpoint,
        "keep_training": names(options.keep_training) or (),
    }
    if not is_file:
        return export.saved_model(target, loaded.source, outputs, inputs=inputs, **arguments).report
    read = loaded.path.rglob("*") if loaded.path.is_dir() else [loaded.path]
    check_not_input(target, [*read, *([] if loaded.checkpoint is None else [loaded.checkpoint])])
    exported = export.inference_graph(loaded.source, _without_keys(outputs), inputs=_without_keys(inputs), **arguments)
    with files.replacing(target) as partial:
        partial.write_bytes(serialize(exported.graph_def, target))
    return exported.report


def _tensors(values: list[str] | None, option: str, is_file: bool) -> list[str] | dict[str, str] | None:
    """The names, by their keys in the signature if they have keys."""
    tensors = names(values)
    if tensors is None or not any("=" in text for text in tensors):
        return tensors
    if is_file:
        raise ValueError(f"expected {option} without keys, as a GraphDef has no signature, got {' '.join(tensors)}.")
    pairs = [text.partition("=") for text in tensors]
    if not all(key and name for key, _, name in pairs) or len({key for key, _, _ in pairs}) < len(pairs):
        raise ValueError(f"expected {option} as KEY=NAME with different keys, got {' '.join(tensors)}.")
    return {key: name for key, _, name in pairs}


def _without_keys(tensors: Any) -> Any:
    # A signature may have one tensor under several keys.
    return list(dict.fromkeys(tensors.values())) if isinstance(tensors, dict) else tensors

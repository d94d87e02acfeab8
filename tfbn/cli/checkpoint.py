"""`tfbn checkpoint list | diagnose | convert | diff`: batch norm layers in checkpoints of any kind."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tfbn.cli import HelpFormatter
from tfbn.cli.quiet import tensorflow
from tfbn.errors import Finding
from tfbn.paths import check_not_input
from tfbn.report import EXIT_STATUSES, Report, add_options

SUMMARY = "list, diagnose, convert and compare the batch norm layers of checkpoints"

_PATH = """\
the prefix of a checkpoint (model.ckpt-100), a folder of checkpoints or of a SavedModel, or a weights or model file of
Keras (.h5, .weights.h5, .keras)"""

_EXAMPLES = {
    "list": """\
example:
  tfbn checkpoint list model.ckpt-100
""",
    "diagnose": """\
example:
  tfbn checkpoint diagnose model.ckpt-100 --decay 0.9997 --plot statistics.png
""",
    "convert": """\
examples:
  tfbn checkpoint convert model.ckpt-100 model-tf2 --to BatchNorm --rename '^resnet/=model/' --dry-run --verbose
  tfbn checkpoint convert model.ckpt-100 model.weights.h5 --like fresh.weights.h5 --moving-average \\
      --rename '/weights$=/kernel' --allow 'global_step|.*/Momentum'
""",
    "diff": """\
examples:
  tfbn checkpoint diff model.ckpt-100 model.weights.h5 --rename '/weights$=/kernel'
  tfbn checkpoint diff model.ckpt-100.meta pretrained.ckpt
""",
}

_META_GRAPH = ".meta"
_DIFFERENT = "Match names that differ with --rename PATTERN=REPLACEMENT; what differs on purpose needs --fail-on never."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Lists, diagnoses, converts and compares checkpoints of TensorFlow 1 and 2 and of Keras."
    parser.epilog = f"{_EXAMPLES['diagnose']}\n{EXIT_STATUSES}"
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = _action(actions, "list", _list, "the batch norm layers, with their variables")
    diagnosing = _action(actions, "diagnose", _diagnose, "what is wrong with the moving statistics, and what to do")
    converting = _action(actions, "convert", _convert, "write the variables for another program")
    comparing = _action(
        actions,
        "diff",
        _diff,
        "what differs between two checkpoints, or what a checkpoint lacks for a graph",
    )
    for action in (listing, diagnosing):
        action.add_argument("path", help=_PATH)
        _add_rename(action, "applied to its names as re.sub, for statistics with unknown names; repeatable")
    diagnosing.add_argument(
        "--decay", type=float, help="decay of the moving averages, to check whether they had enough steps"
    )
    diagnosing.add_argument(
        "--plot", metavar="FILE", help="draw the spread of the statistics, with suspects marked (PNG)"
    )
    comparing.add_argument(
        "first", help=f"{_PATH}; or MODEL.meta, a MetaGraph: then its variables' names, shapes and dtypes are compared"
    )
    comparing.add_argument("second", help=_PATH)
    _add_rename(comparing, "applied to the names of the first as re.sub; repeatable")
    _add_conversion(converting)


def _action(actions: Any, name: str, run: Any, summary: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name,
        help=summary,
        description=f"Shows {summary}." if name != "convert" else f"{summary.capitalize()}.",
        epilog=f"{_EXAMPLES[name]}\n{EXIT_STATUSES}",
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    add_options(parser)
    parser.set_defaults(act=run)
    return parser


def _add_conversion(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", help=_PATH)
    parser.add_argument("target", help="prefix of the checkpoint, or file of Keras, to write")
    parser.add_argument(
        "--to", metavar="KIND", help="what will read it: contrib, tf.layers, TF1Module, BatchNorm or Keras"
    )
    parser.add_argument(
        "--like", metavar="PATH", help="a checkpoint that the other program saved, whose names are used"
    )
    _add_rename(parser, "applied to the names as re.sub; repeatable")
    parser.add_argument("--moving-average", action="store_true", help="use the values of /ExponentialMovingAverage")
    parser.add_argument(
        "--zero-debias",
        choices=("keep", "drop", "synthesize"),
        default="keep",
        help="what to do with biased and local_step",
    )
    parser.add_argument("--fill-affine", action="store_true", help="fill a missing gamma with ones, beta with zeros")
    parser.add_argument(
        "--epsilon", type=float, default=0.001, help="of layers with renorm of TensorFlow up to 1.14 (default 0.001)"
    )
    parser.add_argument(
        "--allow",
        metavar="PATTERN",
        action="append",
        default=[],
        help="variables that may be lost or unmatched; repeatable",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="write nothing; exit status 1 if the plan would be refused"
    )
    parser.add_argument("--verbose", action="store_true", help="print the whole plan, a line for each variable")
    parser.add_argument("--force", action="store_true", help="replace a target that exists")


def _add_rename(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--rename", metavar="PATTERN=REPLACEMENT", type=_pair, action="append", default=[], help=text)


def _pair(text: str) -> tuple[str, str]:
    pattern, equals, replacement = text.partition("=")
    if not equals or not pattern:
        raise argparse.ArgumentTypeError(f"expected PATTERN=REPLACEMENT, got {text!r}")
    return pattern, replacement


def run(options: argparse.Namespace, report: Report) -> None:
    if options.act is not _list:
        tensorflow()
    options.act(options, report)


def _list(options: argparse.Namespace, report: Report) -> None:
    from tfbn import checkpoint
    from tfbn.checkpoint.index import read_entries
    from tfbn.checkpoint.layers import find
    from tfbn.checkpoint.list_layers import Layers

    report.activity = f"listing the layers of {options.path}"
    entries = None if options.rename else read_entries(options.path)
    if entries is None:
        tensorflow()
        layers = checkpoint.list_layers(options.path, rename=options.rename)
    else:
        layers = Layers(find(entries).layers)
    report.fields["layers"] = [layer._asdict() for layer in layers]
    report.summary["layers"] = len(layers)
    report.say(
        layers
        or f"No batch norm layers are recognized in {options.path}. If their statistics have other names, map them "
        "with --rename PATTERN=REPLACEMENT, with moving_mean and moving_variance in the replacements."
    )


def _diagnose(options: argparse.Namespace, report: Report) -> None:
    from tfbn import checkpoint

    report.activity = f"diagnosing {options.path}"
    diagnosis = checkpoint.diagnose(options.path, options.decay, rename=options.rename)
    report.findings += diagnosis
    report.summary["layers"] = len(diagnosis.layers)
    if options.plot is not None:
        check_not_input(options.plot, [options.path])
        report.activity = f"drawing the statistics of {options.path} to {options.plot}"
        checkpoint.plot(diagnosis, options.plot)
    report.say_findings()
    if not diagnosis:
        report.say(diagnosis)


def _convert(options: argparse.Namespace, report: Report) -> None:
    from tfbn.checkpoint.bundle import check_free
    from tfbn.checkpoint.convert import execute, open_plan
    from tfbn.checkpoint.plan import REMEDY
    from tfbn.checkpoint.values import Options

    report.activity = f"converting {options.source} to {options.target}"
    report.fields["written"] = None
    chosen = Options(options.moving_average, options.zero_debias, options.fill_affine, options.epsilon)
    arguments = (options.to, options.like, chosen, options.rename, options.allow)
    with open_plan(options.source, options.target, *arguments) as (plan, like):
        report.fields.update(plan.as_json())
        check_free(options.target, options.force)
        report.findings += plan.findings()
        if not options.dry_run:
            plan.check()
        if options.verbose:
            report.say(plan)
        if not options.dry_run:
            execute(plan, like, options.force)
            report.fields["written"] = options.target
    if not options.verbose:
        report.say(plan.summary())
    if not plan.refused:  # else the summary lists them
        report.say_findings()
    size = f"{len(plan.steps)} variables, {plan.size:,} bytes"
    if not options.dry_run:
        report.say(f"Wrote {options.target}: {size}.")
    elif plan.refused:
        report.say(f"Nothing is written, and without --dry-run this plan is refused. {REMEDY}")
    else:
        report.say(f"Nothing is written, as --dry-run asks. It would be {size}.")


def _diff(options: argparse.Namespace, report: Report) -> None:
    from tfbn import checkpoint

    report.activity = f"comparing {options.first} and {options.second}"
    if options.first.endswith(_META_GRAPH):
        _diff_graph(options, report)
        return
    differences = checkpoint.diff(options.first, options.second, rename=options.rename)
    report.fields["differences"] = [difference._asdict() for difference in differences]
    report.findings += (
        Finding(difference.kind, "error", difference.path, difference.detail, _DIFFERENT) for difference in differences
    )
    report.say_findings()
    if not differences:
        report.say(differences)


def _diff_graph(options: argparse.Namespace, report: Report) -> None:
    """Reports what a checkpoint lacks for the Saver of a MetaGraph, or, without a Saver, for one of all variables."""
    from tfbn.graphdef.dataflow import Dataflow
    from tfbn.graphdef.load import read_meta_graph
    from tfbn.training.requests import check_restoring

    meta_graph = read_meta_graph(Path(options.first))
    saver = meta_graph.saver_def
    report.findings += check_restoring(
        Dataflow(meta_graph.graph_def),
        saver.restore_op_name if saver.save_tensor_name else None,
        options.second,
        options.rename,
    )
    report.fields["differences"] = [
        {"path": finding.where, "kind": finding.kind, "detail": finding.problem, "largest": 0.0}
        for finding in report.findings
    ]
    report.say_findings()
    if not report.findings:
        report.say(f"{options.second} has each variable that {options.first} asks for; values were not compared.")

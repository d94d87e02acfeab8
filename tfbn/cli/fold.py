"""`tfbn fold`: the batch norms of a frozen graph folded into its convolutions and dense layers."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tfbn import cli, files
from tfbn.cli import quiet
from tfbn.lines import Lines
from tfbn.paths import check_not_input
from tfbn.report import EXIT_STATUSES, Report, add_options

SUMMARY = "fold the batch norms of a frozen graph into its convolutions and dense layers"

EPILOG = f"""\
example:
  tfbn fold frozen.pb folded.pb --outputs logits

Both graphs are run on the same inputs before anything is written. Files whose names end in .pbtxt are text.

Nothing is written where outputs differ by more than the tolerance (exit status 2).

{EXIT_STATUSES}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Folds the batch norms of a frozen inference graph (GraphDef) into the weights of the layers before them."
    )
    parser.epilog = EPILOG
    parser.add_argument("graph", type=Path, metavar="FROZEN", help="the frozen GraphDef, as `tfbn export` writes it")
    parser.add_argument("target", type=Path, metavar="FOLDED", help="where to write the folded one")
    parser.add_argument(
        "--outputs",
        nargs="+",
        metavar="NAME",
        help="tensors or ops that the graph is used for; others are left out (default: those that no op uses)",
    )
    parser.add_argument(
        "--inputs",
        type=Path,
        metavar="FILE.npz",
        help="arrays to verify with, by the placeholders' names (default: random numbers)",
    )
    parser.add_argument(
        "--tolerance",
        type=float,
        default=1e-5,
        metavar="SHARE",
        help="how much outputs may differ, as a share of the largest (default: 1e-5; half precisions need 1e-2)",
    )
    parser.add_argument(
        "--no-verify",
        action="store_true",
        help="do not run and compare the graphs: for graphs whose ops access files, the network or Python",
    )
    parser.add_argument(
        "--lower",
        action="store_true",
        help="turn what cannot be folded into one multiplication and one addition, for runtimes without batch norm",
    )
    add_options(parser)


def run(options: argparse.Namespace, report: Report) -> None:
    quiet.tensorflow()
    from tfbn.fold import fold_graph
    from tfbn.fold.verify import read_inputs
    from tfbn.graphdef.load import serialize

    report.activity = f"folding {options.graph} into {options.target}"
    graph_def = _read(options.graph)
    check_not_input(options.target, [options.graph, *([] if options.inputs is None else [options.inputs])])
    inputs = None if options.inputs is None else read_inputs(options.inputs)
    with quiet.native_stderr_suppressed():
        folded = fold_graph(
            graph_def,
            cli.names(options.outputs),
            inputs=inputs,
            tolerance=options.tolerance,
            verify=not options.no_verify,
            lower=options.lower,
        )
    with files.replacing(options.target) as partial:
        partial.write_bytes(serialize(folded.graph_def, options.target))
    report.findings += folded.left
    report.fields.update(
        target=options.target, folded=[fold._asdict() for fold in folded.folded], lowered=folded.lowered
    )
    report.summary.update(
        batch_norms=folded.batch_norms,
        folded=len(folded.folded),
        lowered=len(folded.lowered),
        nodes=len(folded.graph_def.node),
        nodes_before=len(graph_def.node),
        difference=folded.difference,
        output=folded.output,
    )
    report.say(folded)
    for remedy in dict.fromkeys(finding.remedy for finding in folded.left):
        report.say(Lines.of(remedy.split("\n")))
    report.say(f"Wrote {options.target}: {len(folded.graph_def.node)} nodes in place of {len(graph_def.node)}.")


def _read(path: Path) -> Any:
    import tensorflow as tf

    from tfbn.graphdef.load import read_message

    if path.is_dir():
        raise ValueError(
            f"{path}: expected the file of a frozen GraphDef, got a folder. Create one with `tfbn export`."
        )
    graph_def = read_message(path, tf.compat.v1.GraphDef)
    if not graph_def.node:
        raise ValueError(
            f"{path}: expected a GraphDef, got one without nodes. A SavedModel is frozen by `tfbn export`."
        )
    return graph_def

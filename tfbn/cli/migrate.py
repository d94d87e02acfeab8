"""`tfbn migrate`: what it prints, and its exit status."""

from __future__ import annotations

import argparse
import difflib
import io
import json
import os
import sys
from typing import TYPE_CHECKING

from tfbn.cli import COULD_NOT, FINDINGS, FINE

if TYPE_CHECKING:
    from tfbn.migrate.driver import Run
    from tfbn.migrate.report import FileReport

SUMMARY = "rewrite code that calls contrib's batch norm for tfbn"
STDIN = "-"
EPILOG = """\
examples:
  tfbn migrate src/                     show what would change, as a diff, and what needs a look
  tfbn migrate --write src/             change the files
  tfbn migrate --write --compat-v1 .    and import tensorflow.compat.v1 where the code is TF1
  tfbn migrate --check .                for CI: exit status 1 if anything is left to do
  tfbn migrate --write - < old.py       from standard input to standard output

exit status: 0 fine, 1 with --check where something would change or needs a look, 2 if a file could not be migrated
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Rewrites batch norm calls of tf.contrib, slim and tf.layers, and the layers around them, for tfbn, and "
        "reports what it cannot decide. Reads .py and .ipynb files; changes nothing without --write."
    )
    parser.epilog = EPILOG
    parser.add_argument("paths", nargs="*", metavar="PATH", help="files and directories; - is standard input")
    parser.add_argument("--write", action="store_true", help="change the files; of standard input, print the new text")
    parser.add_argument("--diff", action="store_true", help="show a diff (the default without --write and --check)")
    parser.add_argument("--check", action="store_true", help="exit status 1 if something would change or needs a look")
    parser.add_argument("--only", type=_names, default=(), metavar="RULES", help="run these rules alone: a,b,c")
    parser.add_argument("--skip", type=_names, default=(), metavar="RULES", help="run all rules but these")
    parser.add_argument("--compat-v1", action="store_true", help="import tensorflow.compat.v1 where the code is TF1")
    parser.add_argument("--json", action="store_true", help="print edits and findings as JSON, and no diff")
    parser.add_argument("--list-rules", action="store_true", help="print the rules, and do nothing else")
    parser.add_argument("--jobs", type=int, metavar="N", help="processes (default: one for each CPU)")


def run(options: argparse.Namespace) -> int:
    try:
        import libcst  # noqa: F401
    except ImportError as error:
        raise ImportError("needs libcst: pip install 'tfbn[migrate]'") from error
    from tfbn.migrate import driver
    from tfbn.migrate.rules import RULES

    rules = driver.chosen_rules(options.only, options.skip, compat=options.compat_v1)
    if options.list_rules:
        width = max(len(rule.name) for rule in RULES)
        print("\n".join(f"{rule.name:{width}}  {rule.summary}" for rule in RULES))
        return FINE
    if not options.paths:
        raise ValueError("no PATH is given: name files or directories, or - for standard input")
    if STDIN in options.paths:
        if len(options.paths) > 1:
            raise ValueError("- is standard input, and goes alone")
        raw = sys.stdin.buffer.read()
        return _finish(options, driver.Run(1, 1, [driver.migrate_alone("<stdin>", raw, rules)], []))
    return _finish(options, driver.run(options.paths, rules, jobs=options.jobs))


def _finish(options: argparse.Namespace, found: Run) -> int:
    """Writes and prints what was asked for, and says how it went."""
    from tfbn.migrate import driver

    reports = found.reports
    from_stdin = STDIN in options.paths
    if options.write:
        for index, report in enumerate(reports):
            if from_stdin:
                sys.stdout.buffer.write(report.after)
            elif report.changed and not report.problem:
                reports[index] = report._replace(problem=driver.write(report))
    if options.json:
        records = [report.as_json() for report in reports]
        print(json.dumps({"files": found.files, "reports": records, "problems": found.problems}, indent=2))
    elif options.diff or not (options.write or options.check):
        sys.stdout.flush()
        for report in reports:
            sys.stdout.buffer.write(_diff(report))
    sys.stdout.flush()
    if not options.json:
        for report in reports:
            _print_findings(report)
        for problem in found.problems:
            print(problem, file=sys.stderr)
        _print_summary(options, reports, found.files)
    if found.problems or any(report.problem for report in reports):
        return COULD_NOT
    left = any(report.findings or (report.changed and not options.write) for report in reports)
    return FINDINGS if options.check and left else FINE


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _diff(report: FileReport) -> bytes:
    """What `patch -p1` and `git apply` take; in bytes, since files have encodings and line ends of their own."""
    before, after = (io.BytesIO(text).readlines() for text in (report.before, report.after))
    path = os.fsencode(_path_in_diff(report.path))
    found = difflib.diff_bytes(difflib.unified_diff, before, after, b"a/" + path, b"b/" + path)
    return b"".join(line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n" for line in found)


def _path_in_diff(path: str) -> str:
    """The path from the current directory, where the diff is applied, without the `./` that git refuses."""
    here = os.path.relpath(path)
    outside = here.split(os.sep)[0] == os.pardir
    return (os.path.normpath(path).lstrip(os.sep) if outside else here).replace(os.sep, "/")


def _print_findings(report: FileReport) -> None:
    for finding in report.findings:
        print(f"{finding.where}: {finding.kind}: {finding.problem}", file=sys.stderr)
        print(f"    {finding.remedy}", file=sys.stderr)
    if report.problem:
        print(f"{report.path}: {report.problem}", file=sys.stderr)


def _print_summary(options: argparse.Namespace, reports: list[FileReport], looked_at: int) -> None:
    changed = sum(report.changed and not report.problem for report in reports)
    findings = sum(len(report.findings) for report in reports)
    failed = sum(report.problem is not None for report in reports)
    done = "changed" if options.write else "would change"
    parts = [f"{looked_at} files, {changed} {done}, {findings} findings"]
    parts += [f"{failed} could not be migrated"] if failed else []
    print(", ".join(parts), file=sys.stderr)

"""`tfbn migrate`: what it prints, and its exit status."""

from __future__ import annotations

import argparse
import difflib
import io
import os
import sys
from typing import TYPE_CHECKING

from tfbn.lines import Lines
from tfbn.report import EXIT_STATUSES, FINDINGS, INTERNAL_ERROR, OK, WRONG_INPUT, Report, add_options
from tfbn.terminal import read, show, show_diff, write

if TYPE_CHECKING:
    from tfbn.migrate.driver import Run
    from tfbn.migrate.report import FileReport

SUMMARY = "rewrite code that calls contrib's batch norm for tfbn"
STDIN = "-"
EPILOG = f"""\
examples:
  tfbn migrate src/                     show what would change, as a diff, and what needs a look
  tfbn migrate --write src/             change the files
  tfbn migrate --write --compat-v1 .    also import tensorflow.compat.v1 where the code is TF1
  tfbn migrate --check .                for CI: exit status 1 if anything is left to do
  tfbn migrate --check --format github .   the same, as remarks in a pull request
  tfbn migrate --write - < old.py       from standard input to standard output

A comment `# tfbn: ignore[rule]` accepts a finding on its line. [tool.tfbn] in pyproject.toml may have lists: paths, \
exclude (as .gitignore), select and ignore (rules). Files that .gitignore names are skipped, unless named as PATH.

A file that cannot be migrated gives exit status 2, or 70 after an internal error; the others are still migrated.

{EXIT_STATUSES}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Rewrites batch norm calls of tf.contrib, slim and tf.layers, and the layers around them, for tfbn, and "
        "reports what it cannot decide. Reads .py and .ipynb files; changes nothing without --write."
    )
    parser.epilog = EPILOG
    parser.add_argument("paths", nargs="*", metavar="PATH", help="files and directories; - is standard input")
    parser.add_argument("--write", action="store_true", help="change the files; for standard input, print the new text")
    parser.add_argument("--diff", action="store_true", help="show a diff (the default without --write and --check)")
    parser.add_argument("--check", action="store_true", help="exit status 1 if something would change or needs a look")
    parser.add_argument(
        "--format",
        choices=("text", "github", "sarif"),
        default="text",
        help="print annotations for a pull request on GitHub, or a SARIF log for code scanning, in place of the diff",
    )
    parser.add_argument("--only", type=_names, default=(), metavar="RULES", help="run only these rules: a,b,c")
    parser.add_argument("--skip", type=_names, default=(), metavar="RULES", help="run all rules except these")
    parser.add_argument("--compat-v1", action="store_true", help="import tensorflow.compat.v1 where the code is TF1")
    parser.add_argument("--list-rules", action="store_true", help="only print the rules")
    parser.add_argument("--jobs", type=int, metavar="N", help="processes (default: one for each CPU)")
    add_options(parser)


def run(options: argparse.Namespace, report: Report) -> None:
    import libcst  # noqa: F401  # fails at once if it is missing

    from tfbn.migrate import driver
    from tfbn.migrate.rules import RULES
    from tfbn.migrate.settings import read_settings
    from tfbn.migrate.source import ignored

    settings = read_settings()
    only, skip = (options.only, ()) if options.only else (settings.select, settings.ignore)
    rules = driver.chosen_rules(only, (*options.skip, *skip), compat=options.compat_v1)
    if options.list_rules:
        width = max(len(rule.name) for rule in RULES)
        report.fields["rules"] = [{"name": rule.name, "summary": rule.summary} for rule in RULES]
        report.say(Lines.of(f"{rule.name:{width}}  {rule.summary}" for rule in RULES))
        return
    options.paths = options.paths or [os.path.join(settings.folder, path) for path in settings.paths]
    if options.format != "text" and (options.json or options.diff or STDIN in options.paths):
        raise ValueError(
            f"--format {options.format} prints nothing else to standard output: expected it without --json, --diff and "
            "-. Leave one of them out."
        )
    if not options.paths:
        raise ValueError("no PATH is given: name files or directories, or - for standard input")
    report.activity = f"migrating {' '.join(options.paths)}"
    if STDIN not in options.paths:
        exclude = ignored.parse(settings.folder, settings.exclude)
        if exclude.problems:
            raise ValueError(f"exclude of [tool.tfbn]: {exclude.problems[0]}")
        _finish(options, driver.run(options.paths, rules, exclude=exclude, jobs=options.jobs), report)
        return
    if len(options.paths) > 1:
        raise ValueError("- is standard input, and must be the only PATH")
    if options.write and (options.json or options.diff):
        raise ValueError(
            "--write prints the new text of standard input: expected neither --json nor --diff beside it. Leave "
            "--write out, or name a file."
        )
    raw = read()
    alone = driver.migrate_alone("<stdin>", raw, rules)
    _finish(options, driver.Run(1, 1, [alone], [], accepted=alone.accepted), report)


def _finish(options: argparse.Namespace, result: Run, report: Report) -> None:
    """Writes and prints what the options request, and records the results."""
    from tfbn.migrate import driver

    files = result.reports
    if options.write:
        if STDIN in options.paths:
            write(files[0].after)
        place = {file.path: index for index, file in enumerate(files)}
        for index in (place[path] for path in result.order if path in place):
            if files[index].changed and not files[index].problem:
                files[index] = files[index]._replace(problem=driver.write(files[index]))
    if not options.json and options.format == "text" and (options.diff or not (options.write or options.check)):
        for file in files:
            show_diff(_diff(file))
    sys.stdout.flush()
    pending = [file.path for file in files if file.changed and not file.problem and not options.write]
    report.findings += (finding for file in files for finding in file.findings)
    if options.format != "text":
        from tfbn.cli.annotations import FORMATS, collect

        text = FORMATS[options.format](collect(files, pending))
        if text:
            show(text.rstrip("\n"), highlights=[])
    _print(options, result, pending, report)
    report.fields.update(files=[file.as_json() for file in files], problems=result.problems, notes=list(result.notes))
    report.summary.update(files=result.files, changed=sum(file.changed and not file.problem for file in files))
    report.summary.update(passed_over=result.passed_over, accepted=result.accepted)
    report.status = _status(options, result, bool(pending), report)


def _print(options: argparse.Namespace, result: Run, pending: list[str], report: Report) -> None:
    report.say_findings(sys.stderr)
    for file in result.reports:
        if file.problem:
            report.say(f"{file.path}: {file.problem}", sys.stderr)
        if file.traceback and options.debug:
            show(file.traceback, sys.stderr)
    for problem in (*result.problems, *result.notes):
        report.say(problem, sys.stderr)
    if options.check:
        for path in pending:
            report.say(f"{path}: would change", sys.stderr)
    changed = sum(file.changed and not file.problem for file in result.reports)
    failures = sum(file.problem is not None for file in result.reports)
    text = f"{result.files} files, {changed} {'changed' if options.write else 'would change'}"
    text += f", {len(report.findings)} findings"
    warnings = sum(finding.severity == "warning" for finding in report.findings)
    text += f" ({warnings} of them warnings)" if warnings else ""
    report.say(f"{text}, {failures} could not be migrated" if failures else text, sys.stderr)
    if result.passed_over or result.accepted:
        report.say(
            f"skipped: {result.passed_over} files, by .gitignore or exclude; {result.accepted} findings, by comments",
            sys.stderr,
        )


def _status(options: argparse.Namespace, result: Run, pending: bool, report: Report) -> int:
    """The exit status: findings and files that would change fail with --check only."""
    if result.problems or any(file.traceback is not None for file in result.reports):
        return INTERNAL_ERROR
    if any(file.problem for file in result.reports):
        return WRONG_INPUT
    if not options.check:
        return OK
    return FINDINGS if pending and options.fail_on != "never" else report.status


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _diff(report: FileReport) -> bytes:
    """A diff for `patch -p1` and `git apply`, in bytes because files differ in encodings and line ends."""
    before, after = (io.BytesIO(text).readlines() for text in (report.before, report.after))
    path = os.fsencode(_path_in_diff(report.path))
    lines = difflib.diff_bytes(difflib.unified_diff, before, after, _quoted(b"a/" + path), _quoted(b"b/" + path))
    return b"".join(line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n" for line in lines)


def _quoted(name: bytes) -> bytes:
    """Quotes a name with control characters as git does, since they could end its line or affect the terminal."""
    if not any(byte < 0x20 or byte in b'"\\\x7f' for byte in name):
        return name
    quoted = (b"\\%03o" % byte if byte < 0x20 or byte in b'"\\\x7f' else bytes([byte]) for byte in name)
    return b'"' + b"".join(quoted) + b'"'


def _path_in_diff(path: str) -> str:
    """The path from the current directory, where the diff is applied, without the `./` that git refuses."""
    relative = os.path.relpath(path)
    outside = relative.split(os.sep)[0] == os.pardir
    return (os.path.normpath(path).lstrip(os.sep) if outside else relative).replace(os.sep, "/")

"""The command `tfbn`: its subcommands, exit statuses and errors. The work is done in the modules they call.

Each module named in `COMMANDS` has `SUMMARY`, a line for the list of subcommands; `add_arguments(parser)`, which sets
up the argparse parser, its description and its epilog with an example; and `run(options, report)`, which does the work
and reports the results. Slow imports, TensorFlow above all, are inside functions only, and TensorFlow is imported
through `quiet`.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn, TextIO

from tfbn.lines import one_line
from tfbn.report import (
    EXIT_STATUSES,
    INTERNAL_ERROR,
    INTERRUPTED,
    OK,
    WRONG_INPUT,
    Report,
    describe_error,
    layout,
)
from tfbn.requirements import REQUIREMENTS, describe_missing
from tfbn.terminal import show

COMMANDS = ["audit", "checkpoint", "doctor", "export", "fold", "migrate"]


class _WrongArgumentsError(SystemExit):
    """An error of argparse, with the parser of the subcommand; ends the process as argparse's own error does."""

    def __init__(self, parser: argparse.ArgumentParser, message: str) -> None:
        self.parser, self.message = parser, message
        super().__init__(WRONG_INPUT)


class _Parser(argparse.ArgumentParser):
    """Raises its errors, so that they can also be printed as JSON, and those of standard output."""

    def error(self, message: str) -> NoReturn:
        raise _WrongArgumentsError(self, message)

    def print_help(self, file: Any = None) -> None:
        """As argparse, which passes over a disk that is full."""
        print(self.format_help(), end="", file=file or sys.stdout)


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Wraps paragraphs of one line, and leaves those of several, which are examples and tables, as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        wrap = super(argparse.RawDescriptionHelpFormatter, self)._fill_text
        paragraphs = (
            part if "\n" in part.strip("\n") or part.startswith(" ") else wrap(part, width, indent)
            for part in text.split("\n\n")
        )
        return "\n\n".join(paragraphs)


class _ShowVersion(argparse.Action):
    """Looks the version up on request: reading the metadata takes longer than the rest of the start."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        from tfbn.version import installed_version

        print(f"tfbn {installed_version()}")
        parser.exit()


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `tfbn` with `arguments` (those of the process by default) and returns the exit status."""
    _open_standard_streams()
    parser = _parser()
    if "_ARGCOMPLETE" in os.environ:  # a shell asks for completions: argcomplete prints them and exits
        import_module("argcomplete").autocomplete(parser)
    command = "tfbn"
    try:
        options = _parse(parser, sys.argv[1:] if arguments is None else arguments)
        if options.command is None:
            parser.print_help()
            sys.stdout.flush()
            return WRONG_INPUT
        command = f"tfbn {options.command}"
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            # Of libraries, which the user of a command cannot change.
            warnings.simplefilter("ignore", DeprecationWarning)
            return _run(options)
    except BrokenPipeError:  # the reader, such as head, has closed the pipe
        _discard(sys.stdout)
        return OK
    except OSError as error:  # for example, output redirected to a full disk
        _discard(sys.stdout)
        _complain(one_line(f"{command}: standard output: {describe_error(error)}"))
        return WRONG_INPUT
    except KeyboardInterrupt:
        return INTERRUPTED


def _open_standard_streams() -> None:
    """Opens those that a shell has closed, as `>&-` does: the next file would get the number, and its messages.

    Reading standard input and writing standard output fail, as they should; standard error is dropped.
    """
    for number, mode in enumerate((os.O_WRONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # gets the lowest number that is free
    sys.stdin = sys.stdin or open(0, closefd=False)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)
    sys.stderr = sys.stderr or open(2, "w", closefd=False, errors="backslashreplace")


def _parse(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> argparse.Namespace:
    """The arguments.

    Raises:
      SystemExit: they are wrong, or ask for the help or the version, which is printed.
      OSError: standard output fails.
    """
    try:
        return parser.parse_args(arguments)
    except _WrongArgumentsError as error:
        if "--json" in arguments:
            print(Report(error.parser.prog.partition(" ")[2], as_json=True).to_json(error.message))
        _complain(f"{error.parser.format_usage()}{error.parser.prog}: error: {one_line(error.message)}")
        sys.stdout.flush()
        raise
    except SystemExit:
        sys.stdout.flush()
        raise


def _discard(stream: TextIO) -> None:
    """Redirects a broken stream to the null device, or Python would fail on flushing it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """As Python shows it, in which names stand as they are in a file."""
    _complain(warnings.formatwarning(one_line(str(message)), category, filename, lineno).rstrip())


def _complain(text: str) -> None:
    try:
        show(text, sys.stderr)
    except OSError:  # only the exit status can tell
        _discard(sys.stderr)


def _run(options: argparse.Namespace) -> int:
    """Runs the subcommand; its errors become a line, its report JSON if that is asked for."""
    action = getattr(options, "action", None)
    report = Report(f"{options.command} {action}" if action else options.command, options.json, options.fail_on)
    error_text = None
    try:
        options.run(options, report)
        status = report.status
    except BrokenPipeError:
        raise
    except Exception as error:
        if isinstance(error, OSError):
            sys.stdout.flush()  # raises if standard output is what failed
        # Errors that a user can fix are of these types; anything else is a bug of tfbn.
        expected = isinstance(error, (ValueError, OSError, ImportError, MemoryError))
        status, error_text = WRONG_INPUT if expected else INTERNAL_ERROR, describe_error(error)
        if isinstance(error, ModuleNotFoundError) and error.name in REQUIREMENTS:
            error_text = describe_missing(error.name)
        elif isinstance(error, MemoryError):
            error_text = f"not enough memory while {report.activity}: {error_text}"
        elif not expected:
            error_text = f"internal error while {report.activity}: {type(error).__name__}: {error_text}"
            error_text = f"{' '.join(error_text.split())} (please report it, with what --debug prints)"
        if options.debug:
            _complain(traceback.format_exc().rstrip())
        _complain(f"tfbn {options.command}: {layout(error_text)}")
    if options.json:
        print(report.to_json(error_text))
    sys.stdout.flush()
    return status


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="tfbn",
        description="Tools for batch normalization in TensorFlow 1 code, graphs and checkpoints.",
        formatter_class=HelpFormatter,
        epilog=EXIT_STATUSES,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_ShowVersion, nargs=0, help="print the version of tfbn")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name in COMMANDS:
        module = import_module(f"{__name__}.{name}")
        subparser = subparsers.add_parser(
            name,
            help=module.SUMMARY,
            formatter_class=HelpFormatter,
            epilog=EXIT_STATUSES,
            allow_abbrev=False,  # --writ must not write
        )
        module.add_arguments(subparser)
        subparser.set_defaults(run=module.run)
    return parser


def names(values: Sequence[str] | None) -> list[str] | None:
    """Names from the command line, with spaces or commas between them.

    Raises:
      ValueError: there is nothing but these.
    """
    if values is None:
        return None
    separated = [name for value in values for name in value.split(",") if name]
    if not separated:
        raise ValueError(f"expected names, with spaces or commas between them, got {' '.join(values)!r}.")
    return separated

"""The command `tfbn`: its subcommands, exit statuses and errors. What they do stands in the modules they call.

Each module named in `COMMANDS` has `SUMMARY`, a line for the list of subcommands; `add_arguments(parser)`, which sets
up the argparse parser, its description and its epilog with an example; and `run(options)`, which prints and returns the
exit status. It imports TensorFlow, or whatever else is slow, inside functions only, and TensorFlow through `quiet`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from tfbn.version import installed_version

FINE, FINDINGS, COULD_NOT = 0, 1, 2
INTERRUPTED = 130  # as a shell reports a program that Ctrl-C has ended

COMMANDS = ["checkpoint", "export", "fold", "migrate"]

EXIT_STATUSES = "exit status: 0 fine, 1 findings, 2 could not"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `tfbn` with `arguments` (those of the process by default) and returns the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return COULD_NOT
    try:
        status: int = options.run(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINE
    except KeyboardInterrupt:
        return INTERRUPTED
    except (ValueError, OSError, ImportError) as error:  # what a user can mend; anything else is a bug of ours
        print(f"tfbn {options.command}: {_text(error)}", file=sys.stderr)
        return COULD_NOT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tfbn",
        description="Batch normalization for code that TensorFlow left behind: its tools.",
        epilog=EXIT_STATUSES,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"tfbn {installed_version()}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name in COMMANDS:
        module = import_module(f"{__name__}.{name}")
        subparser = subparsers.add_parser(
            name,
            help=module.SUMMARY,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            epilog=EXIT_STATUSES,
            allow_abbrev=False,  # --writ must not write
        )
        module.add_arguments(subparser)
        subparser.set_defaults(run=module.run)
    return parser


def names(given: Sequence[str] | None) -> list[str] | None:
    """Names from the command line, with spaces or commas between them.

    Raises:
      ValueError: there is nothing but these.
    """
    if given is None:
        return None
    found = [name for part in given for name in part.split(",") if name]
    if not found:
        raise ValueError(f"expected names, with spaces or commas between them, got {' '.join(given)!r}.")
    return found


def _text(error: Exception) -> str:
    """The message with the file that it is about, which an OSError keeps apart."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__

"""TensorFlow without its reports on the machine, which do not belong in a command's output."""

from __future__ import annotations

import faulthandler
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Any, TextIO

from tfbn.lines import escape_control
from tfbn.requirements import check_tensorflow


def tensorflow() -> Any:
    """Imports TensorFlow with its C++ logs limited to errors, and without what loading it prints.

    The commands rewrite graphs and files: they leave the GPUs to programs that train.

    Raises:
      ImportError: there is no TensorFlow that tfbn runs on.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with notice("Loading TensorFlow ..."), native_stderr_suppressed():
        import tensorflow as tf

        check_tensorflow(tf)
        tf.get_logger().setLevel("ERROR")
        tf.config.set_visible_devices([], "GPU")  # looks for GPUs now, while messages about missing ones are suppressed
    return tf


@contextmanager
def notice(text: str) -> Iterator[None]:
    """Shows a text on a terminal while the block runs; nothing if TensorFlow is already loaded."""
    shown = sys.stderr.isatty() and "tensorflow" not in sys.modules
    if shown:
        print(text, end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        if shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


@contextmanager
def native_stderr_suppressed() -> Iterator[None]:
    """Drops what C++ code writes to standard error in the block, and shows it if the block raises.

    What Python writes there through `sys.stderr` is shown: progress bars, warnings, messages of a command. If the
    process ends in C++ code, for example at an instruction that the CPU lacks, Python prints where it was.
    """
    sys.stderr.flush()
    watch = not faulthandler.is_enabled()
    with tempfile.TemporaryFile() as log, _copy_of_stderr() as stderr:
        # A stream that is not on descriptor 2, such as one that a test captures, does not receive what C++ writes.
        visible = stderr if _descriptor(sys.stderr) == 2 else sys.stderr
        os.dup2(log.fileno(), 2)
        if watch:
            faulthandler.enable(stderr, all_threads=False)
        try:
            with redirect_stderr(visible):
                yield
        except BaseException:
            log.seek(0)
            stderr.write(escape_control(log.read().decode("utf-8", "surrogateescape")))
            raise
        finally:
            sys.stderr.flush()  # loggers that keep the old stream write to the log
            if watch:
                faulthandler.disable()
            os.dup2(stderr.fileno(), 2)


def _copy_of_stderr() -> TextIO:
    """A stream to the present target of standard error, independent of descriptor 2."""
    encoding = getattr(sys.stderr, "encoding", None)
    return os.fdopen(os.dup(2), "w", buffering=1, encoding=encoding, errors="backslashreplace")


def _descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (AttributeError, OSError):  # a stream of a test or of a notebook
        return None

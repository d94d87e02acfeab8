"""TensorFlow without its reports on the machine: they are no part of what a command prints."""

from __future__ import annotations

import faulthandler
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tfbn.requirements import check_tensorflow


def tensorflow() -> Any:
    """Imports TensorFlow with its C++ logs cut to errors, and nothing of what loading it prints.

    The commands rewrite graphs and files: they leave the GPUs to programs that train.

    Raises:
      ImportError: there is no TensorFlow that tfbn runs on.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with notice("Loading TensorFlow ..."), native_stderr_suppressed():
        import tensorflow as tf

        check_tensorflow(tf)
        tf.get_logger().setLevel("ERROR")
        tf.config.set_visible_devices([], "GPU")  # looks for GPUs now, while complaints of finding none are held back
    return tf


@contextmanager
def notice(text: str) -> Iterator[None]:
    """Shows a text on a terminal while the block runs; nothing once TensorFlow is loaded, as it is quick then."""
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

    If the process ends in C++ code, for example at an instruction that the CPU lacks, Python prints where it was.
    """
    sys.stderr.flush()
    watch = not faulthandler.is_enabled()
    with tempfile.TemporaryFile() as log:
        stderr = os.dup(2)
        os.dup2(log.fileno(), 2)
        if watch:
            faulthandler.enable(stderr, all_threads=False)
        try:
            yield
        except BaseException:
            sys.stderr.flush()
            log.seek(0)
            os.write(stderr, log.read())
            raise
        finally:
            sys.stderr.flush()
            if watch:
                faulthandler.disable()
            os.dup2(stderr, 2)
            os.close(stderr)

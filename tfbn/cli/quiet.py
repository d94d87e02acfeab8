"""TensorFlow without its reports on the machine: they are no part of what a command prints."""

from __future__ import annotations

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
    with notice("Loading TensorFlow ..."), chatter_held_back():
        import tensorflow as tf

        check_tensorflow(tf)
        tf.get_logger().setLevel("ERROR")
        tf.config.set_visible_devices([], "GPU")  # looks for GPUs now, while complaints of finding none are held back
    return tf


@contextmanager
def notice(text: str) -> Iterator[None]:
    """Shows on a terminal what takes a while, for as long as it does; nothing where it was done before."""
    shown = sys.stderr.isatty() and "tensorflow" not in sys.modules
    if shown:
        print(text, end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        if shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


@contextmanager
def chatter_held_back() -> Iterator[None]:
    """What C++ code writes to standard error within is dropped, and shown after all where the block raises."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        saved = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            sys.stderr.flush()
            held.seek(0)
            os.write(saved, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)

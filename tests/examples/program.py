"""Examples as programs and as modules."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import struct
import subprocess
import sys
from pathlib import Path
from unittest import mock

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name, *arguments, timeout=300):
    """The example as a program."""
    return subprocess.run(
        [sys.executable, str(EXAMPLES / name), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def load(name):
    """The example as a module, which finds the others beside it."""
    spec = importlib.util.spec_from_file_location(Path(name).stem, EXAMPLES / name)
    module = importlib.util.module_from_spec(spec)
    with mock.patch.object(sys, "path", [str(EXAMPLES), *sys.path]):
        spec.loader.exec_module(module)
    return module


def call(name, *arguments, **replaced):
    """The same as `run`, in this process, which has loaded TensorFlow already; with names of the example replaced."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", [name, *map(str, arguments)]),
        contextlib.redirect_stdout(stdout),
        contextlib.redirect_stderr(stderr),
    ):
        try:
            example = load(name)
            for attribute, value in replaced.items():
                setattr(example, attribute, value)
            status = example.main()
        except SystemExit as stopped:
            status = stopped.code
    return subprocess.CompletedProcess(sys.argv, status, stdout.getvalue(), stderr.getvalue())


def check_picture(path, size=None, least=40_000):
    """A PNG with something drawn: empty panels take less than 24,000 bytes."""
    picture = path.read_bytes()
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert size is None or struct.unpack(">II", picture[16:24]) == size
    assert len(picture) > least

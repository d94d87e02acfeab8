"""Builds (once) the interpreter of the original, TensorFlow 1.15.5 on Python 3.7, and prints its path.

    python -m tests.parity.make_reference

Exit status 3 where this machine has no Python 3.7. The environment is kept in $TFBN_REFERENCE_HOME, by default
tfbn-reference in the user's cache directory; two processes may call this at once.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

REQUIREMENTS = ("tensorflow==1.15.5", "protobuf<3.21", "numpy<1.19", "h5py<3")
NO_PYTHON = 3


class NoPython37(RuntimeError):
    """There is nothing here to build the original from."""


def cache_home() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def reference_home() -> Path:
    return Path(os.environ.get("TFBN_REFERENCE_HOME") or cache_home() / "tfbn-reference")


def environment() -> dict:
    """The environment for a process of the original, without what belongs to this Python and this TensorFlow.

    TensorFlow 2 sets TF2_BEHAVIOR when it is imported, and with it set 1.15 behaves as version 2.
    """
    return {key: value for key, value in os.environ.items() if key != "TF2_BEHAVIOR" and not key.startswith("PYTHON")}


def make() -> Path:
    """The interpreter that has the original; built where it is missing or broken."""
    home = reference_home()
    python = home / "bin" / "python"
    if _works(python):
        return python
    home.parent.mkdir(parents=True, exist_ok=True)
    with _lock(home.with_name(home.name + ".lock")):
        if not _works(python):  # another process may have built it while this one waited
            _build(home)
    return python


def _build(home: Path) -> None:
    base = python37()
    # Not built beside and renamed: a virtual environment holds its own path.
    shutil.rmtree(home, ignore_errors=True)
    print(f"building {', '.join(REQUIREMENTS)} into {home}: once, a few minutes", file=sys.stderr)
    subprocess.run([base, "-m", "venv", home], check=True, stdout=sys.stderr)
    python = home / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *REQUIREMENTS], check=True, stdout=sys.stderr)
    if not _works(python):
        raise RuntimeError(f"{python} was built, but does not import tensorflow.contrib; see what pip said above")


def python37() -> Path:
    """A Python 3.7: pyenv's newest, else the one on the path."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    candidates = [*sorted(root.glob("versions/3.7.*/bin/python3.7")), shutil.which("python3.7")]
    for candidate in candidates[::-1]:
        # The one on the path may be a shim of pyenv that starts nothing.
        if candidate and _status([candidate, "-c", "import venv, ctypes"]) == 0:
            return Path(candidate)
    raise NoPython37("no Python 3.7 on this machine: looked in pyenv's versions and on the path")


def _works(python: Path) -> bool:
    return python.exists() and _status([python, "-W", "ignore", "-c", "import tensorflow.contrib"]) == 0


def _status(command: list) -> int:
    try:
        return subprocess.run(
            command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ).returncode
    except OSError:
        return 127


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> int:
    try:
        print(make())
    except NoPython37 as error:
        print(error, file=sys.stderr)
        return NO_PYTHON
    return 0


if __name__ == "__main__":
    sys.exit(main())

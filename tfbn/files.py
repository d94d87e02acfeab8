"""Writing files so that a reader, or a crash, never meets half of one."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def replacing(target: str | os.PathLike[str]) -> Iterator[Path]:
    """A path beside `target` to write to; it takes the target's place when the block ends, and goes when it raises.

    A target that exists keeps its permissions; a symbolic link stays, and the file that it leads to is replaced.

    Raises:
      FileNotFoundError: there is no folder for it.
    """
    final = Path(os.path.realpath(target))
    if not final.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder to write to", str(final.parent))
    descriptor, name = tempfile.mkstemp(prefix=f".{final.name}.", suffix=".partial", dir=final.parent)
    os.close(descriptor)
    partial = Path(name)
    try:
        yield partial
        os.chmod(partial, stat.S_IMODE(final.stat().st_mode) if final.exists() else 0o666 & ~_umask())
        _flush_to_disk(partial)
        os.replace(partial, final)
    except BaseException:
        with suppress(FileNotFoundError):
            partial.unlink()
        raise


@contextmanager
def new_directory(target: str | os.PathLike[str]) -> Iterator[Path]:
    """A path beside `target` to make a directory at; it becomes `target` when the block ends, and goes when it raises.

    Raises:
      ValueError: `target` is there already, and no empty directory.
    """
    final = Path(os.path.realpath(target))
    if final.exists() and not (final.is_dir() and not any(final.iterdir())):
        raise ValueError(f"expected a directory that is not there yet, got {os.fspath(target)}. Remove or rename it.")
    around = Path(tempfile.mkdtemp(prefix=f".{final.name}.", suffix=".partial", dir=final.parent))
    try:
        yield around / final.name
        os.replace(around / final.name, final)
    finally:
        shutil.rmtree(around)


def _flush_to_disk(path: Path) -> None:
    """A rename may reach the disk before the bytes that it names, unless these are sent first."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _umask() -> int:
    """The mask of this process: it can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask

"""Writes files so that no reader, crash or other run ever sees a partial one.

tfbn writes to a new folder beside the target, syncs it, and renames it into place; then it syncs the parent folder,
without which a power cut could still undo the rename. Three rules hold for every command:

- Two runs with the same target do not interfere: each writes in a separate folder, and renames while it holds a lock on
  the parent folder. The first one succeeds; the other finds that the target appeared.
- A killed run leaves its folder behind, and the next run with the same target removes it. The folder of a running
  process is locked, and stays.
- A target that is a symbolic link is followed: the link stays, and the file that it points to is written. Where the
  target is several files, as in a checkpoint, a link among them is refused: nothing would look for the others there.

On file systems without locks (some network mounts), the last of two concurrent runs wins, and leftovers stay.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, which has no such locks
    fcntl = None  # type: ignore[assignment]

_SUFFIX = ".partial"
_MAX_NAME_BYTES = 255  # of most file systems
# The errors of file systems that cannot sync a folder, which have no other way to make a rename durable.
_NO_FOLDER_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)


class UnsyncedError(OSError):
    """The target is completely written, but the disk has not confirmed that, or the old one could not be removed."""


@contextmanager
def replacing(target: str | os.PathLike[str], *, force: bool = True) -> Iterator[Path]:
    """A path to write a file to; it replaces the target when the block ends, and is deleted if the block raises.

    A target that exists keeps its permissions; a symbolic link stays, and the file that it leads to is replaced.

    Args:
      target: the file to write.
      force: whether to replace a file that exists at the target by then.

    Raises:
      FileExistsError: without `force`, there is one.
      FileNotFoundError: there is no folder for it.
      ValueError: the target is a folder, or no regular file.
    """
    final = Path(os.path.realpath(target))
    _check_is_file(target, final)
    with working_folder(final) as folder, _naming(target):
        partial = folder / "new"
        yield partial
        os.chmod(partial, stat.S_IMODE(final.stat().st_mode) if final.exists() else 0o666 & ~_umask())
        sync(partial)
        with locked(final.parent):
            if final.exists() and not force:
                raise target_appeared(target, final)
            _check_is_file(target, final)
            move(partial, final)
            settle(final)


@contextmanager
def new_directory(target: str | os.PathLike[str]) -> Iterator[Path]:
    """A path to create a directory at; it becomes `target` when the block ends, and is deleted if the block raises.

    Raises:
      ValueError: `target` already exists, and is not an empty directory, or one that a rename cannot replace.
      FileExistsError: it appeared while the block ran.
      FileNotFoundError: there is no folder for it.
    """
    final = Path(os.path.realpath(target))
    if _is_taken(final):
        raise ValueError(f"expected a directory that does not exist yet, got {os.fspath(target)}. Remove or rename it.")
    if final == Path.cwd() or os.path.ismount(final):
        raise ValueError(
            f"expected a directory that does not exist yet, got {os.fspath(target)!r}, the current one or a mount, "
            "which cannot be replaced. Name a directory in it."
        )
    with working_folder(final) as folder, _naming(target):
        yield folder / "new"
        _sync_tree(folder / "new")
        with locked(final.parent):
            if _is_taken(final):
                raise target_appeared(target, final)
            move(folder / "new", final)
            settle(final)


@contextmanager
def working_folder(place: Path) -> Iterator[Path]:
    """A new folder beside `place`, deleted when the block ends; those that killed runs left there are deleted first.

    Raises:
      FileNotFoundError: `place` has no parent folder.
    """
    with locked(place.parent):
        for remains in leftovers(place):
            shutil.rmtree(remains, ignore_errors=True)
        try:
            folder = Path(tempfile.mkdtemp(prefix=f".{_stem(place)}.", suffix=_SUFFIX, dir=place.parent))
        except OSError as error:  # it names the new folder, which the user does not know
            raise type(error)(error.errno, os.strerror(error.errno or 0), str(place.parent)) from error
        lock = os.open(folder, os.O_RDONLY)
        _lock(lock)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def leftovers(place: Path) -> list[Path]:
    """The folders of killed runs with the target `place`: those that no run has locked."""
    # The eight characters are tempfile's.
    names = re.compile(rf"\.{re.escape(_stem(place))}\.[a-z0-9_]{{8}}{re.escape(_SUFFIX)}")
    return sorted(path for path in place.parent.iterdir() if names.fullmatch(path.name) and _is_abandoned(path))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps other runs from committing anything in a folder.

    Raises:
      FileNotFoundError: there is no such folder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder to write to", str(folder))
    lock = os.open(folder, os.O_RDONLY)
    try:
        _lock(lock)
        yield
    finally:
        os.close(lock)


def move(source: Path, place: Path) -> None:
    """Renames a synced file or folder; `sync` of the parent folder makes the rename durable."""
    os.replace(source, place)


def settle(place: Path, old: Iterable[Path] = ()) -> None:
    """Makes the move of a target to its place durable, and then removes the files that it replaces.

    Raises:
      UnsyncedError: the disk refuses, for example because it is full.
    """
    try:
        sync(place.parent)
        if old:
            _remove_old(old, place)
            sync(place.parent)
    except UnsyncedError:
        raise
    except OSError as error:
        reason = f"it is written and whole, but a power cut may bring back what was there before: {_strerror(error)}"
        raise UnsyncedError(error.errno, reason, os.fspath(place)) from error


def _remove_old(paths: Iterable[Path], place: Path) -> None:
    for path in paths:
        try:
            remove([path])
        except OSError as error:
            reason = f"it is written and whole, but {path.name} of before cannot be removed: {_strerror(error)}"
            raise UnsyncedError(error.errno, reason, os.fspath(place)) from error


def remove(paths: Iterable[Path]) -> None:
    for path in paths:
        with suppress(FileNotFoundError):
            os.unlink(path)


def sync(path: Path) -> None:
    """Waits until the bytes of a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if not (path.is_dir() and error.errno in _NO_FOLDER_SYNC):
            raise
    finally:
        os.close(descriptor)


def target_appeared(target: str | os.PathLike[str], file: Path) -> FileExistsError:
    return FileExistsError(
        f"target: expected a path that does not exist, got {os.fspath(target)}: {file} appeared while this run was "
        "in progress, and stays as it is. Another run may have written it: check it, or name another target."
    )


@contextmanager
def _naming(target: str | os.PathLike[str]) -> Iterator[None]:
    """Makes write errors, such as that of a full disk, name the target instead of the temporary file."""
    try:
        yield
    except (FileExistsError, UnsyncedError):
        raise
    except OSError as error:
        raise type(error)(error.errno or errno.EIO, _strerror(error), os.fspath(target)) from error


def _strerror(error: OSError) -> str:
    return error.strerror or str(error)


def _check_is_file(target: str | os.PathLike[str], place: Path) -> None:
    """Refuses a pipe or a device, which a rename would replace: as root, even /dev/null for all programs."""
    if place.is_file() or not os.path.lexists(place):
        return
    got = "a folder" if place.is_dir() else "a pipe, a socket or a device"
    got = "a link that leads back to itself" if place.is_symlink() else got
    raise ValueError(f"{os.fspath(target) or '.'}: expected the path of a file to write, got {got}. Name a file.")


def _stem(place: Path) -> str:
    """The target's name in that of its folder; a digest of a name that leaves no room for the rest."""
    name, rest = os.fsencode(place.name), len(f"..12345678{_SUFFIX}")
    return place.name if len(name) + rest <= _MAX_NAME_BYTES else hashlib.sha256(name).hexdigest()


def _is_taken(place: Path) -> bool:
    return place.exists() and not (place.is_dir() and not any(place.iterdir()))


def _sync_tree(top: Path) -> None:
    for folder, _, names in os.walk(top, topdown=False):
        for name in names:
            sync(Path(folder, name))
        sync(Path(folder))


def _is_abandoned(folder: Path) -> bool:
    """Whether the folder's lock is free; False for anything but a folder, such as a link to one."""
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        return _lock(lock, wait=False)
    finally:
        os.close(lock)


def _lock(descriptor: int, wait: bool = True) -> bool:
    """Locks a folder until its descriptor is closed, or the process ends; returns whether that was possible."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except (OSError, AttributeError):
        return False
    return True


def _umask() -> int:
    """The umask of this process, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask

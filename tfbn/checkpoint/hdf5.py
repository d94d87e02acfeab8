"""The one place where HDF5 files are opened, and searched for what leads out of them.

HDF5 can store the values of a dataset in other files, assemble a dataset from parts of others, and link to a name in
another file. h5py follows all of that without a word: a weight file could have any file of the user read and, as the
`like` of a conversion, written over.
"""

from __future__ import annotations

import contextlib
import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Of what deflate, the filter of HDF5 and of archives, makes one byte; and values that were never written take none.
MAX_EXPANSION = 1032
_MAX_UNWRITTEN_BYTES = 2**30
# What h5py raises for damaged files, and Python for a damaged archive around one.
_DAMAGE = (
    OSError,
    KeyError,
    TypeError,
    ValueError,
    RuntimeError,
    EOFError,
    MemoryError,
    RecursionError,
    OverflowError,
    zipfile.BadZipFile,
    zlib.error,
)


def h5py() -> Any:
    """The module, which tfbn needs for files of Keras alone."""
    try:
        import h5py as module
    except ImportError as error:
        raise ImportError(
            "Files of Keras need h5py, and this Python has none. Install it: pip install 'tfbn[tools]'.", name="h5py"
        ) from error
    return module


@contextlib.contextmanager
def clear_errors(path: str, expected: str, defect: str) -> Iterator[None]:
    """Raises ValueError with the name of the file for what the libraries raise for a damaged one."""
    try:
        yield
    except _DAMAGE as error:
        raise ValueError(f"{path}: expected {expected}, got one {defect}: {error}") from error


class WritableFile:
    """A file for HDF5 to change, in which it sees no write fail.

    Where one does, on a full disk for example, HDF5 fails once more when it closes the file, and may then take the
    process down. Here it goes on, and `check` raises the first error.
    """

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        self._error: OSError | None = None
        self.seek, self.tell, self.readinto, self.read = file.seek, file.tell, file.readinto, file.read

    def write(self, data: Any) -> int:
        rest = memoryview(data).cast("B")
        size = len(rest)
        with self._keeping_error():
            while rest:
                rest = rest[self._file.write(rest) :]
        return size

    def truncate(self, size: int) -> None:
        with self._keeping_error():
            self._file.truncate(size)

    def flush(self) -> None:
        """There is no buffer."""

    def check(self) -> None:
        if self._error is not None:
            raise self._error

    @contextlib.contextmanager
    def _keeping_error(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._error = self._error or error


@contextlib.contextmanager
def writable(path: Path) -> Iterator[WritableFile]:
    """The file at `path` for HDF5 to change; raises OSError at the end where it could not be written."""
    with open(path, "r+b", buffering=0) as file:
        writable_file = WritableFile(file)
        try:
            yield writable_file
        except Exception:
            writable_file.check()  # the cause of what HDF5 says, if there is one
            raise
        writable_file.check()


@contextlib.contextmanager
def opened(source: Any, path: str, mode: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    """An HDF5 file that contains all of its data itself, and its datasets by name.

    A dataset that has several names is there under each.

    Args:
      source: the path to open, or a binary file.
      path: the name of the file in errors.
      mode: 'r' or 'r+'.

    Raises:
      ValueError: no HDF5 file, or a damaged one; data elsewhere, whatever leads there: external storage, a virtual
        dataset, a link other than a hard one; a group that has several names.
    """
    library = h5py()
    with contextlib.ExitStack() as stack:
        with clear_errors(path, "a weights or model file of Keras", "that cannot be opened"):
            file = stack.enter_context(library.File(source, mode))
        with clear_errors(path, "a whole file", "that is damaged"):
            datasets, outside = _search(library, file)
        if outside:
            raise ValueError(
                f"{path}: expected a file that contains all of its variables itself, in one tree of groups, got one in "
                f"which {outside}. Nothing else is read or written. Save the model's weights anew, into one file."
            )
        yield file, datasets


def check_size(dataset: Any) -> None:
    """Raises ValueError for a dataset whose shape says more than can have been stored for it."""
    stored = dataset.id.get_storage_size()
    limit = max(_MAX_UNWRITTEN_BYTES, MAX_EXPANSION * stored)
    if dataset.nbytes > limit:
        raise ValueError(
            f"it has the shape {dataset.shape}, which is {dataset.nbytes:,} bytes, more than the limit of {limit:,} "
            f"for the {stored:,} that the file has of it"
        )


def _search(library: Any, file: Any) -> tuple[dict[str, Any], str]:
    """All datasets by name, and the first thing that leads out of the tree; '' where nothing does."""
    datasets: dict[str, Any] = {}
    groups = {file["/"]: "/"}
    waiting = [("", file["/"])]
    while waiting:
        around, group = waiting.pop()
        for child in group:
            name = f"{around}{child}"
            outside = _leads_outside(library, group, child)
            if outside:
                return datasets, f"{name} {outside}"
            item = group[child]
            if isinstance(item, library.Group):
                # Groups may contain each other, and each with two names doubles the number of paths.
                if item in groups:
                    return datasets, f"{name} is the group {groups[item]} once more"
                groups[item] = name
                waiting.append((f"{name}/", item))
            elif isinstance(item, library.Dataset):
                # Before anything else is asked of it: for a virtual dataset's shape HDF5 opens other files.
                outside = _stored_outside(item)
                if outside:
                    return datasets, f"{name} {outside}"
                datasets[name] = item
    return datasets, ""


def _leads_outside(library: Any, group: Any, child: str) -> str:
    try:
        link = group.get(child, getlink=True)
    except TypeError:  # a kind that a program has defined
        return "is a link of a kind that is not known here"
    if link is None:
        raise KeyError(f"{child} is listed in {group.name}, but is missing")
    if isinstance(link, library.HardLink):
        return ""
    file = getattr(link, "filename", None)
    return f"is a soft link to {link.path}" if file is None else f"is a link to {link.path} in the file {file}"


def _stored_outside(dataset: Any) -> str:
    if dataset.external:
        return f"has its values in another file, {dataset.external[0][0]}"
    if dataset.is_virtual:
        sources = ", ".join(
            sorted({f"{source.dset_name} in {source.file_name}" for source in dataset.virtual_sources()})
        )
        return f"is a virtual dataset, which shows {sources or 'others'}"
    return ""

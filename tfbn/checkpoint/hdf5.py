"""The one place where HDF5 files are opened, and checked for references to other files.

HDF5 can store the values of a dataset in other files, assemble a dataset from parts of others, and link to a name in
another file. h5py follows all of that silently: a weight file could make tfbn read any file of the user and, as the
`like` of a conversion, overwrite it.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfbn.lines import shorten

# The most bytes that deflate, the filter of HDF5 and of archives, compresses to one; unwritten values take none.
MAX_EXPANSION = 1032
_MAX_UNWRITTEN_BYTES = 2**30


def h5py() -> Any:
    """The module, which tfbn needs only for files of Keras."""
    try:
        import h5py as module
    except ImportError as error:
        raise ImportError(
            "Files of Keras need h5py, and this Python has none. Install it: pip install 'tfbn[tools]'.", name="h5py"
        ) from error
    return module


@contextlib.contextmanager
def clear_errors(path: str, expected: str, defect: str) -> Iterator[None]:
    """Turns what the libraries raise for a damaged file into a ValueError with the file's name."""
    try:
        yield
    except Exception as error:  # of h5py, JSON, zipfile and each way to compress, which have little in common
        text = f"{path}: expected {expected}, got one {defect}: {shorten(str(error) or type(error).__name__)}"
        raise ValueError(text) from error


class WritableFile:
    """A file for HDF5 to change that hides failed writes from it.

    After a failed write, as on a full disk, HDF5 fails again when it closes the file, and may then crash the process.
    Here it continues, and `check` raises the first error.
    """

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        self._error: OSError | None = None
        self.seek, self.tell, self.readinto, self.read = file.seek, file.tell, file.readinto, file.read

    def write(self, data: Any) -> int:
        remaining = memoryview(data).cast("B")
        size = len(remaining)
        with self._keeping_error():
            while remaining:
                remaining = remaining[self._file.write(remaining) :]
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
    """The file at `path` for HDF5 to change; raises OSError at the end if a write has failed."""
    with open(path, "r+b", buffering=0) as file:
        writable_file = WritableFile(file)
        try:
            yield writable_file
        except Exception:
            writable_file.check()  # raises the cause of HDF5's error, if it is a failed write
            raise
        writable_file.check()


@contextlib.contextmanager
def open_hdf5(source: Any, path: str, mode: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    """An HDF5 file that contains all of its data itself, and its datasets by name.

    A dataset with several names is listed under each.

    Args:
      source: the path to open, or a binary file.
      path: the name of the file in errors.
      mode: 'r' or 'r+'.

    Raises:
      ValueError: no HDF5 file, or a damaged one; data in other files, by external storage, a virtual dataset or a
        link other than a hard one; a group that has several names.
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
    """Raises ValueError for a dataset whose shape is larger than its stored bytes can be."""
    stored = dataset.id.get_storage_size()
    limit = max(_MAX_UNWRITTEN_BYTES, MAX_EXPANSION * stored)
    if dataset.nbytes > limit:
        raise ValueError(
            f"it has the shape {dataset.shape}, which is {dataset.nbytes:,} bytes, more than the limit of {limit:,} "
            f"for the {stored:,} that the file has of it"
        )


def _search(library: Any, file: Any) -> tuple[dict[str, Any], str]:
    """All datasets by name, and the first thing that leads out of the tree, or ''."""
    datasets: dict[str, Any] = {}
    groups = {file["/"]: "/"}
    pending = [("", file["/"])]
    while pending:
        prefix, group = pending.pop()
        for child in group:
            name = f"{prefix}{child}"
            outside = _leads_outside(library, group, child)
            if outside:
                return datasets, f"{name} {outside}"
            item = group[child]
            if isinstance(item, library.Group):
                # Groups may contain each other, and every group with two names doubles the number of paths.
                if item in groups:
                    return datasets, f"{name} is the group {groups[item]} once more"
                groups[item] = name
                pending.append((f"{name}/", item))
            elif isinstance(item, library.Dataset):
                # First: even for the shape of a virtual dataset HDF5 opens other files.
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

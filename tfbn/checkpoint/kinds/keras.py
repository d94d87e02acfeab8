"""Weight files of Keras 2 and 3, read and filled in: `.h5`, `.weights.h5` and the one inside `.keras`.

Keras itself is not needed. A `.h5` has weights by the names of layers and variables, a `.weights.h5` numbers them.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfbn.checkpoint import hdf5
from tfbn.checkpoint.kinds import Kind
from tfbn.checkpoint.reader import Entry, Reader
from tfbn.checkpoint.writer import Writer
from tfbn.files import replacing
from tfbn.graphdef.short_names import RENORM, STATISTICS
from tfbn.tables import natural

_INNER = "model.weights.h5"  # in a .keras file
# A model with a thousand layers has a config of about 1 MB.
_MAX_CONFIG_BYTES = 64 * 2**20
_NUMBERED = re.compile(r"(?P<group>.*?)/?vars/(?P<number>\d+)$")
_BATCH_NORM = re.compile(r"(sync_)?batch_normalization(_\d+)?$")
# Layers with a kernel, whose variables Keras numbers in this order: kernel, bias.
_KERNEL = re.compile(r"(dense|conv\dd|conv\dd_transpose)(_\d+)?$")
_NUMBERS = {"bool", "complex64", "complex128", "float16", "float32", "float64"}
_NUMBERS |= {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
_OPTIMIZERS = ("optimizer/", "optimizer_weights/")


class Keras(Kind):
    name = "Keras"
    endings = (".h5", ".hdf5", ".keras")
    like_formats = ("Keras",)
    precedence = 1  # no prefix has its endings

    def open(self, path: str) -> Reader:
        return KerasReader(path)

    def check_like(self, like: Reader | None) -> None:
        if like is None:
            raise ValueError(
                "like: expected a weight file of the Keras model, got None. Only that file has the order of the "
                "layers: build the model, call model.save_weights, and pass the file."
            )

    @contextlib.contextmanager
    def writing(self, target: str, like: Reader | None, force: bool) -> Iterator[Writer]:
        assert like is not None  # check_like has refused None
        with replacing(target, force=force) as partial, _fill(like.path, partial) as writer:
            yield writer


class KerasReader(Reader):
    """The variables of a weight file; the names are those of its datasets."""

    format = "Keras"

    def __init__(self, path: str) -> None:
        self._stack = contextlib.ExitStack()
        with self._stack:
            file, self._datasets, config = self._stack.enter_context(_opened(path))
            with hdf5.clear_errors(path, "a whole file", "that is damaged"):
                paths = _paths(file, self._datasets, config)
            super().__init__(
                path,
                {
                    name: Entry(name, paths[name], *_shape_and_dtype(path, name, item))
                    for name, item in sorted(self._datasets.items())
                },
            )
            self._stack = self._stack.pop_all()

    def _read(self, name: str) -> np.ndarray:
        with hdf5.clear_errors(self.path, "a whole file", f"in which {name} is damaged"):
            hdf5.check_size(self._datasets[name])
            array = np.asarray(self._datasets[name][()])
            return array.view(tf.bfloat16.as_numpy_dtype) if self.entries[name].dtype == "bfloat16" else array

    def close(self) -> None:
        self._stack.close()


class _Filler(Writer):
    def __init__(self, file: Any, check: Callable[[], None]) -> None:
        self._file, self._check = file, check

    def add(self, name: str, array: np.ndarray) -> None:
        is_bfloat16 = array.dtype == tf.bfloat16.as_numpy_dtype
        self._file[name][...] = array.view("V2") if is_bfloat16 else array
        self._check()


@contextlib.contextmanager
def _fill(like: str, target: Path) -> Iterator[Writer]:
    """Copies the file `like` to `target`; the writer puts arrays in place of the datasets of their names."""
    if not _is_archive(like):
        shutil.copyfile(like, target)
        with _filler(target, like) as writer:
            yield writer
        return
    inner = target.with_name(f"{target.name}.{_INNER}")
    try:
        with zipfile.ZipFile(like) as archive:
            with archive.open(_INNER) as member, inner.open("wb") as weights:
                shutil.copyfileobj(member, weights)
            with _filler(inner, like) as writer:
                yield writer
            with zipfile.ZipFile(target, "w") as filled:
                for info in archive.infolist():
                    if info.filename == _INNER:
                        filled.write(inner, _INNER)
                    else:
                        copy = zipfile.ZipInfo(info.filename)
                        copy.compress_type, copy.file_size = info.compress_type, info.file_size
                        with archive.open(info) as member, filled.open(copy, "w") as copied:
                            while chunk := member.read(2**20):
                                copied.write(chunk)
    finally:
        inner.unlink(missing_ok=True)


@contextlib.contextmanager
def _filler(copy: Path, like: str) -> Iterator[Writer]:
    with hdf5.writable(copy) as target, hdf5.open_hdf5(target, like, "r+") as (file, datasets):
        _separate(file, datasets)
        yield _Filler(file, target.check)


def _separate(file: Any, datasets: Mapping[str, Any]) -> None:
    """Gives each name of a shared dataset its own copy: the values to write there may differ."""
    first: dict[Any, str] = {}
    for name, dataset in datasets.items():
        if first.setdefault(dataset, name) != name:
            del file[name]
            file.copy(dataset, name)


@contextlib.contextmanager
def _opened(path: str) -> Iterator[tuple[Any, dict[str, Any], Any]]:
    """The HDF5 file with its datasets, and the config of a .keras file."""
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path}: expected a file of Keras, but there is no such file.")
    with contextlib.ExitStack() as stack:
        config, weights = None, path
        if _is_archive(path):
            config, weights = stack.enter_context(_unpacked(path))
        yield (*stack.enter_context(hdf5.open_hdf5(weights, path, "r")), config)


@contextlib.contextmanager
def _unpacked(path: str) -> Iterator[tuple[Any, Any]]:
    """The config and the weights, as a binary file, of a .keras file."""
    problem = path, "a weights or model file of Keras", "that cannot be opened"
    with contextlib.ExitStack() as stack:
        with hdf5.clear_errors(*problem):
            archive = stack.enter_context(zipfile.ZipFile(path))
            _check_members(archive)
            config = json.loads(_read_config(archive))
            member = stack.enter_context(archive.open(_INNER))
        # HDF5 reads out of order, and each step back in a compressed member would unpack it again from its start.
        weights = stack.enter_context(tempfile.TemporaryFile(buffering=0))
        while True:
            with hdf5.clear_errors(*problem):
                part = member.read(2**20)
            if not part:
                break
            _write(weights, part, path)
        yield config, weights


def _write(file: Any, part: bytes, path: str) -> None:
    remaining = memoryview(part)
    try:
        while remaining:
            remaining = remaining[file.write(remaining) :]
    except OSError as error:
        place = f"{tempfile.gettempdir()}, where the weights of an archive are unpacked, cannot be written"
        raise OSError(error.errno, f"{place}: {error.strerror}", path) from error


def _check_members(archive: zipfile.ZipFile) -> None:
    """Raises ValueError for members that a copy should not contain, and for more bytes than they can have."""
    for name, count in Counter(archive.namelist()).items():
        if count > 1:
            raise ValueError(f"it has {count} members {name!r}, and programs differ in which they read")
    for info in archive.infolist():
        if info.filename.startswith("/") or "\\" in info.filename or ".." in info.filename.split("/"):
            raise ValueError(f"{info.filename!r} in it leads out of the folder that it is unpacked to")
        if info.flag_bits & 1:
            raise ValueError(f"{info.filename!r} in it is encrypted")
    compressed = sum(info.compress_size for info in archive.infolist())
    size = sum(info.file_size for info in archive.infolist())
    limit = _MAX_CONFIG_BYTES + hdf5.MAX_EXPANSION * compressed
    if size > limit:
        raise ValueError(
            f"its members are {size:,} bytes unpacked, more than the limit of {limit:,} for {compressed:,} compressed"
        )


def _read_config(archive: zipfile.ZipFile) -> bytes:
    with archive.open("config.json") as member:
        content = member.read(_MAX_CONFIG_BYTES + 1)
    if len(content) > _MAX_CONFIG_BYTES:
        raise ValueError(f"its config.json is longer than the limit of {_MAX_CONFIG_BYTES:,} bytes")
    return content


def _is_archive(path: str) -> bool:
    """Keras 2.12 gives the ending .keras to plain HDF5 files as well."""
    return path.endswith(".keras") and (zipfile.is_zipfile(path) or not hdf5.h5py().is_hdf5(path))


def _shape_and_dtype(path: str, name: str, dataset: Any) -> tuple[tuple[int, ...], str]:
    try:
        dtype = dataset.dtype
    except (TypeError, ValueError, RuntimeError):  # NumPy has no such type, or the file is damaged
        dtype = None
    is_string = dtype is not None and hdf5.h5py().check_string_dtype(dtype) is not None
    if dtype is not None and dataset.shape is not None:
        if is_string or dtype.kind in "SU":
            return tuple(dataset.shape), "string"
        # HDF5 has no such type: Keras 3 writes the bytes, and the type's name beside them.
        if dtype == "V2" and dataset.attrs.get("dtype") == "bfloat16":
            return tuple(dataset.shape), "bfloat16"
        if dtype.kind in "biufc" and dtype.name in _NUMBERS:
            return tuple(dataset.shape), str(dtype.name)
    raise ValueError(
        f"{path}: expected datasets of numbers, booleans or strings, got {name}, which contains none of these"
        f"{'' if dtype is None else f' but {dtype}'}. Save the model's weights anew."
    )


def _paths(file: Any, datasets: Mapping[str, Any], config: Any) -> dict[str, str]:
    """Scope and short name of each dataset; '' for those of metrics."""
    numbered = {name: _NUMBERED.match(name) for name in datasets}
    groups: dict[str, int] = Counter(match["group"] for match in numbered.values() if match)
    layers = _layer_names(file, [group for group in groups if not group.startswith(_OPTIMIZERS)])
    scales = _scales(layers, config)
    paths = {}
    for name, match in numbered.items():
        if f"{name}/".startswith("metrics/") or f"{name}/".startswith(_OPTIMIZERS):
            paths[name] = "" if name.startswith("metrics/") else name
        elif match and match["group"] in layers:
            group = match["group"]
            shorts = _short_names(group, groups[group], scales.get(group))
            number = int(match["number"])
            paths[name] = f"{layers[group]}/{shorts[number] if number < len(shorts) else f'vars/{number}'}".lstrip("/")
        else:
            # The group is the layer's, and the variable's name in it repeats the layer's.
            paths[name] = name.removeprefix("model_weights/").partition("/")[2].removesuffix(":0") or name
    counts = Counter(paths.values())
    return {name: path if not path or counts[path] == 1 else name for name, path in paths.items()}


def _layer_names(file: Any, groups: list[str]) -> dict[str, str]:
    """The layer's name of each group, if the file has it, as Keras 3 writes it; else the group's."""
    names = {group: str(file[f"{group}/vars" if group else "vars"].attrs.get("name", "")) for group in groups}
    counts = Counter(names.values())
    return {group: name if name and counts[name] == 1 else group for group, name in names.items()}


def _scales(layers: Mapping[str, str], config: Any) -> dict[str, tuple[bool, bool]]:
    """Whether the batch norm layers scale and center, as far as a model's config tells."""
    configured: list[tuple[str, tuple[bool, bool]]] = []

    def visit(value: Any) -> None:
        if isinstance(value, dict):
            arguments = value.get("config")
            if str(value.get("class_name")).endswith("BatchNormalization") and isinstance(arguments, dict):
                configured.append(
                    (arguments.get("name", ""), (arguments.get("scale", True), arguments.get("center", True)))
                )
            else:
                visit(list(value.values()))
        elif isinstance(value, list):
            for item in value:
                visit(item)

    visit(config)
    groups = sorted((group for group in layers if _BATCH_NORM.search(group)), key=natural)
    by_name = dict(configured)
    if {layers[group] for group in groups} <= set(by_name):
        return {group: by_name[layers[group]] for group in groups}
    return {group: flags for group, (_, flags) in zip(groups, configured)} if len(groups) == len(configured) else {}


def _short_names(group: str, count: int, scale_center: tuple[bool, bool] | None) -> list[str]:
    last = group.rpartition("/")[2]
    if _KERNEL.match(last):
        return ["kernel", "bias"]
    if not _BATCH_NORM.match(last):
        return []
    renorm = [*RENORM] if count >= 5 else []
    affine = count - len(STATISTICS) - len(renorm)
    scale, center = scale_center or (affine == 2, affine == 2)
    names = ["gamma"] * scale + ["beta"] * center
    if len(names) != affine:
        names = ["gamma_or_beta"]  # only the model's config could tell
    return [*names, *STATISTICS, *renorm]

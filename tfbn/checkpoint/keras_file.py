"""Weight files of Keras 2 and 3, read and filled in with h5py: `.h5`, `.weights.h5` and the one inside `.keras`.

Keras itself is not needed. A `.h5` has weights by the names of layers and variables, a `.weights.h5` numbers them.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfbn.checkpoint.reader import Entry, Reader
from tfbn.checkpoint.tables import natural

_INNER = "model.weights.h5"  # in a .keras file
_NUMBERED = re.compile(r"(?P<group>.*?)/?vars/(?P<number>\d+)$")
_BATCH_NORM = re.compile(r"(sync_)?batch_normalization(_\d+)?$")
# The order in which Keras' layers make their variables.
_KERNEL = re.compile(r"(dense|conv\dd|conv\dd_transpose)(_\d+)?$")
_STATISTICS = ["moving_mean", "moving_variance"]
_RENORM = ["moving_stddev", "renorm_mean", "renorm_stddev"]
_OPTIMIZERS = ("optimizer/", "optimizer_weights/")


class KerasReader(Reader):
    """The variables of a weight file; the names are those of its datasets."""

    format = "Keras"

    def __init__(self, path: str) -> None:
        self._stack = contextlib.ExitStack()
        with self._stack:
            file, config = self._stack.enter_context(_opened(path, "r"))
            self._file = file
            datasets: dict[str, Any] = {}
            file.visititems(lambda name, item: datasets.update({name: item}) if hasattr(item, "dtype") else None)
            paths = _paths(file, datasets, config)
            super().__init__(
                path,
                {
                    name: Entry(name, paths[name], tuple(item.shape), _dtype(item.dtype))
                    for name, item in sorted(datasets.items())
                },
            )
            self._stack = self._stack.pop_all()

    def _read(self, name: str) -> np.ndarray:
        try:
            return np.asarray(self._file[name][()])
        except (OSError, KeyError, RuntimeError) as error:
            raise ValueError(
                f"{self.path}: expected a whole file, got one in which {name} is damaged: {error}"
            ) from error

    def close(self) -> None:
        self._stack.close()


def write(like: str, target: Path, arrays: Iterator[tuple[str, np.ndarray]]) -> None:
    """Copies the file `like` to `target` and puts the arrays in place of the datasets of these names, one at a time."""
    if not _is_archive(like):
        shutil.copyfile(like, target)
        _fill(target, arrays)
        return
    inner = target.with_name(f"{target.name}.{_INNER}")
    try:
        with zipfile.ZipFile(like) as given, zipfile.ZipFile(target, "w") as made:
            for info in given.infolist():
                with given.open(info) as member:
                    if info.filename == _INNER:
                        with inner.open("wb") as weights:
                            shutil.copyfileobj(member, weights)
                        _fill(inner, arrays)
                        made.write(inner, _INNER)
                    else:
                        made.writestr(info, member.read())
    finally:
        inner.unlink(missing_ok=True)


def _fill(path: Path, arrays: Iterator[tuple[str, np.ndarray]]) -> None:
    with _h5py().File(path, "r+") as file:
        for name, array in arrays:
            file[name][...] = array


@contextlib.contextmanager
def _opened(path: str, mode: str) -> Iterator[tuple[Any, Any]]:
    """The h5py file, and of a .keras file its config."""
    h5py = _h5py()
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path}: expected a file of Keras, but there is no such file.")
    with contextlib.ExitStack() as stack:
        try:
            config = None
            file: Any = path
            if _is_archive(path):
                archive = stack.enter_context(zipfile.ZipFile(path))
                config = json.loads(archive.read("config.json"))
                file = stack.enter_context(archive.open(_INNER))
            opened = stack.enter_context(h5py.File(file, mode))
        except (OSError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile) as error:
            raise ValueError(
                f"{path}: expected a weights or model file of Keras, got one that cannot be opened: {error}"
            ) from error
        yield opened, config


def _is_archive(path: str) -> bool:
    """Keras 2.12 gives the ending .keras to plain HDF5 files as well."""
    return path.endswith(".keras") and (zipfile.is_zipfile(path) or not _h5py().is_hdf5(path))


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise ImportError(
            "Files of Keras need h5py, and this Python has none. Install it: pip install 'tfbn[tools]'.", name="h5py"
        ) from error
    return h5py


def _dtype(dtype: Any) -> str:
    return "string" if dtype.kind in "OSU" else str(dtype.name)


def _paths(file: Any, datasets: Mapping[str, Any], config: Any) -> dict[str, str]:
    """Scope and short name of each dataset; '' for what Keras keeps of metrics and of its own."""
    numbered = {name: _NUMBERED.match(name) for name in datasets}
    groups: dict[str, int] = Counter(found["group"] for found in numbered.values() if found)
    layers = _layers(file, [group for group in groups if not group.startswith(_OPTIMIZERS)])
    scales = _scales(layers, config)
    paths = {}
    for name, found in numbered.items():
        if f"{name}/".startswith("metrics/") or f"{name}/".startswith(_OPTIMIZERS):
            paths[name] = "" if name.startswith("metrics/") else name
        elif found and found["group"] in layers:
            group = found["group"]
            shorts = _short_names(group, groups[group], datasets[name].shape, scales.get(group))
            number = int(found["number"])
            paths[name] = f"{layers[group]}/{shorts[number] if number < len(shorts) else f'vars/{number}'}".lstrip("/")
        else:
            # The group of the layer around the variable's own name, which has the layer's name once more.
            paths[name] = name.removeprefix("model_weights/").partition("/")[2].removesuffix(":0") or name
    taken = Counter(paths.values())
    return {name: path if not path or taken[path] == 1 else name for name, path in paths.items()}


def _layers(file: Any, groups: list[str]) -> dict[str, str]:
    """What each group is called: by the layer's own name where the file has it, as Keras 3 writes it."""
    names = {group: str(file[f"{group}/vars" if group else "vars"].attrs.get("name", "")) for group in groups}
    taken = Counter(names.values())
    return {group: name if name and taken[name] == 1 else group for group, name in names.items()}


def _scales(layers: Mapping[str, str], config: Any) -> dict[str, tuple[bool, bool]]:
    """Whether the batch norm layers scale and center, as far as a model's config tells."""
    found: list[tuple[str, tuple[bool, bool]]] = []

    def visit(value: Any) -> None:
        if isinstance(value, dict):
            given = value.get("config")
            if str(value.get("class_name")).endswith("BatchNormalization") and isinstance(given, dict):
                found.append((given.get("name", ""), (given.get("scale", True), given.get("center", True))))
            else:
                visit(list(value.values()))
        elif isinstance(value, list):
            for each in value:
                visit(each)

    visit(config)
    groups = sorted((group for group in layers if _BATCH_NORM.search(group)), key=natural)
    by_name = dict(found)
    if {layers[group] for group in groups} <= set(by_name):
        return {group: by_name[layers[group]] for group in groups}
    return {group: each for group, (_, each) in zip(groups, found)} if len(groups) == len(found) else {}


def _short_names(group: str, count: int, shape: tuple[int, ...], scale_center: tuple[bool, bool] | None) -> list[str]:
    last = group.rpartition("/")[2]
    if _KERNEL.match(last):
        return ["kernel", "bias"]
    if not _BATCH_NORM.match(last):
        return []
    renorm = _RENORM if count >= 5 else []
    affine = count - len(_STATISTICS) - len(renorm)
    scale, center = scale_center or (affine == 2, affine == 2)
    names = ["gamma"] * scale + ["beta"] * center
    if len(names) != affine:
        names = ["gamma_or_beta"]  # only the model's config could tell
    return names + _STATISTICS + renorm

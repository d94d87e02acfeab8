"""The committed results of the original: structure and names in readable JSON, numbers packed beside them."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from .registry import FAMILIES

# What the numbers fed in come from: recordings are of no use once it has changed.
INPUTS = Path(__file__).with_name("data.py")
HERE = Path(__file__).parent
Results = dict[str, dict[str, Any]]
NAMES = ("output_names", "update_names")


def save(results: Results, versions: dict[str, str], folder: Path) -> None:
    """Write the files; every result needs its fingerprint under "case"."""
    folder.mkdir(exist_ok=True, parents=True)
    arrays, structure, indices = {}, {}, {}
    for name, result in results.items():
        index = indices[name] = []
        by_dtype: dict[str, list[np.ndarray]] = {}
        for field, array in sorted(result["arrays"].items()):
            index.append([field, array.dtype.name, list(array.shape)])
            by_dtype.setdefault(array.dtype.name, []).append(array.ravel())
        # One flat array per case and dtype: an archive's entry costs more than the few numbers of a field.
        arrays.update({f"{name}:{dtype}": np.concatenate(parts) for dtype, parts in by_dtype.items()})
        structure[name] = {key: value for key, value in result.items() if key not in ("arrays", "log", *NAMES)}
    arrays["index"] = np.frombuffer(json.dumps(indices).encode(), np.uint8)
    np.savez_compressed(folder / "arrays.npz", **arrays)
    versions = {**versions, "inputs": inputs()}
    (folder / "structure.json").write_text(_readable({"versions": versions, "cases": structure}))
    save_names(results, folder)


def save_names(results: Results, folder: Path) -> None:
    """Write the names of outputs and updates, a case to a line."""
    named = {name: [result[field] for field in NAMES] for name, result in results.items() if NAMES[0] in result}
    lines = [f"{json.dumps(name)}: {json.dumps(fields)}" for name, fields in sorted(named.items())]
    (folder / "names.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


def inputs() -> str:
    """A hash of what draws the numbers."""
    return hashlib.sha256(INPUTS.read_bytes()).hexdigest()[:16]


def load(families: Iterable[str] = tuple(FAMILIES)) -> tuple[Results, dict[str, str]]:
    """The results of some families of the registry by name, and the versions they were all recorded with.

    Nothing where nothing was recorded.
    """
    results: Results = {}
    versions: dict[str, str] = {}
    for family in families:
        found, recorded_with = _load(HERE / family)
        results.update(found)
        if versions and versions != recorded_with:
            raise ValueError(f"{family} was recorded with {recorded_with}, others with {versions}: record them anew")
        versions = recorded_with
    return results, versions


@functools.cache
def _load(folder: Path) -> tuple[Results, dict[str, str]]:
    if not (folder / "structure.json").exists():
        return {}, {}
    content = json.loads((folder / "structure.json").read_text())
    results = content["cases"]
    for name, fields in json.loads((folder / "names.json").read_text()).items():
        results[name].update(zip(NAMES, fields))
    with np.load(folder / "arrays.npz") as archive:
        packed = {name: archive[name] for name in archive.files}
    indices = json.loads(packed["index"].tobytes())
    for name, result in results.items():
        taken: dict[str, int] = {}
        arrays = {}
        for field, dtype, shape in indices[name]:
            start, size = taken.get(dtype, 0), int(np.prod(shape))
            arrays[field] = packed[f"{name}:{dtype}"][start : start + size].reshape(shape)
            taken[dtype] = start + size
        result["arrays"] = arrays
    return results, content["versions"]


def _readable(content: dict[str, Any]) -> str:
    """JSON with one line per field of a case, so that a change can be read as a diff."""
    lines = ["{", f'"versions": {json.dumps(content["versions"], sort_keys=True)},', '"cases": {']
    for position, (name, result) in enumerate(sorted(content["cases"].items())):
        fields = [f"  {json.dumps(key)}: {json.dumps(result[key], sort_keys=True)}" for key in sorted(result)]
        end = "}" if position == len(content["cases"]) - 1 else "},"
        lines += [f"{json.dumps(name)}: {{", ",\n".join(fields), end]
    return "\n".join([*lines, "}", "}", ""])

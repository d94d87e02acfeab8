"""Runs a graph before and after folding on the same inputs, and compares the outputs."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfbn.graphdef.messages import reason
from tfbn.graphdef.outside import reaching_outside
from tfbn.paths import check_is_file_or_folder
from tfbn.progress import Progress

BATCH, SIZE = 4, 32  # sizes of random inputs where the graph leaves the first size, or another one, open

# A small archive can claim, and unpack to, a thousand times its size; one batch is enough to compare two graphs on.
MAX_INPUT_BYTES = 2**30
MAX_RUN_SECONDS = 300  # of one batch: a graph may never end

Feed = dict[str, np.ndarray]


def read_inputs(path: str | os.PathLike[str]) -> Feed:
    """The arrays in a .npz file by name. Raises ValueError for any other file, and a damaged one."""
    check_is_file_or_folder(path)
    with open(path, "rb") as file:
        is_archive = zipfile.is_zipfile(file)
    try:
        if not is_archive:  # for NumPy it might be a pickle
            raise ValueError("it is no archive")
        with np.load(path, allow_pickle=False) as arrays:
            size = sum(info.file_size for info in arrays.zip.infolist())
            if size > MAX_INPUT_BYTES:
                raise ValueError(f"its arrays are {size:,} bytes unpacked, more than the limit of {MAX_INPUT_BYTES:,}")
            return dict(arrays)
    except OSError as error:
        if error.errno is not None:
            raise
        problem: Exception = error
    except Exception as error:  # of NumPy, tokenize, zipfile and each way to compress, which have little in common
        problem = error
    raise ValueError(
        f"{os.fspath(path)}: expected arrays by name, as numpy.savez writes them, got a file that cannot be read: "
        f"{reason(problem).rstrip('.')}."
    ) from problem


def random_inputs(placeholders: Mapping[str, tf.Tensor], seed: int = 0) -> Feed:
    """Random numbers around 0.5, zeros and ones for integers, and False, for placeholders by their ops' names."""
    random = np.random.RandomState(seed)
    arrays = {}
    for name, tensor in placeholders.items():
        if tensor.shape.rank is None or tensor.dtype == tf.string:
            raise ValueError(
                f"inputs: expected values for {name}, of dtype {tensor.dtype.name} and shape {tensor.shape}, got none, "
                "and random ones are impossible. Give `inputs`, a dict from names to arrays."
            )
        sizes = tensor.shape.as_list()
        shape = [size or (BATCH if axis == 0 else SIZE) for axis, size in enumerate(sizes)]
        if 8 * math.prod(shape) > MAX_INPUT_BYTES:
            raise ValueError(
                f"inputs: expected values for {name}, of shape {tensor.shape}, got none, and random ones of "
                f"{8 * math.prod(shape):,} bytes are more than the limit of {MAX_INPUT_BYTES:,}. Give `inputs` "
                "(--inputs), or fold without a comparison: verify=False (--no-verify)."
            )
        value: np.ndarray = np.zeros(shape)
        if tensor.dtype.is_floating:
            value = random.normal(0.5, 1.0, shape)
        elif tensor.dtype != tf.bool:
            value = random.randint(0, 2, shape)
        arrays[name] = value.astype(tensor.dtype.as_numpy_dtype)
    return arrays


def worst_difference(before: Any, after: Any, outputs: Sequence[str], feeds: Sequence[Feed]) -> tuple[float, str]:
    """The largest difference of an output's elements, as a share of its largest one, and the name of that output."""
    for graph_def in (before, after):
        outside = reaching_outside(graph_def, [name.partition(":")[0] for name in outputs])
        if outside:
            raise ValueError(
                f"graph_def: expected a graph that only computes, so that folding can be verified, got {len(outside)} "
                "ops that act on files, the network, other processes or Python, or keep a state: "
                f"{', '.join(outside[:5])}. Nothing was run. If outputs without these ops are enough, pass them as "
                "`outputs`; or fold without a comparison: verify=False (--no-verify)."
            )
    with Progress("Verifying", 2 * len(feeds), "runs") as bar:
        expected, actual = (_run(graph_def, outputs, feeds, bar) for graph_def in (before, after))
    worst = 0.0, outputs[0] if outputs else ""
    for expected_outputs, actual_outputs in zip(expected, actual):
        for name, one, other in zip(outputs, expected_outputs, actual_outputs):
            difference = _difference(name, np.asarray(one).astype(np.float64), np.asarray(other).astype(np.float64))
            worst = max(worst, (difference, name))
    return worst


def _difference(name: str, expected: np.ndarray, actual: np.ndarray) -> float:
    if expected.shape != actual.shape:
        raise ValueError(
            f"{name}: expected the shape {expected.shape} of the graph that was given, got {actual.shape}."
        )
    if not np.all(np.isfinite(expected)):
        raise ValueError(
            f"inputs: expected arrays that give finite outputs, got NaN or infinities in {name} of the graph that was "
            "given. Give `inputs` as the network was trained on."
        )
    if not np.all(np.isfinite(actual)):
        return np.inf
    if not expected.size:
        return 0.0
    largest = np.abs(expected).max()
    difference = np.abs(expected - actual).max()
    return float(difference / largest) if largest else float(0.0 if difference == 0 else np.inf)


def _run(graph_def: Any, outputs: Sequence[str], feeds: Sequence[Feed], bar: Progress) -> list[list[Any]]:
    results, limit = [], tf.compat.v1.RunOptions(timeout_in_ms=1000 * MAX_RUN_SECONDS)
    with tf.Graph().as_default() as graph, tf.compat.v1.Session() as session:
        tf.graph_util.import_graph_def(graph_def, name="")
        fetches = [graph.get_tensor_by_name(name) for name in outputs]
        try:
            for feed in feeds:
                by_tensor = {name if ":" in name else f"{name}:0": value for name, value in feed.items()}
                results.append(session.run(fetches, by_tensor, options=limit))
                bar.update()
            return results
        except tf.errors.DeadlineExceededError as error:
            raise ValueError(
                f"graph_def: expected a graph that runs in {MAX_RUN_SECONDS} seconds, so that folding can be verified, "
                "got one that does not. Give smaller `inputs` (--inputs), or fold without a comparison: verify=False "
                "(--no-verify)."
            ) from error
        except (tf.errors.OpError, ValueError, TypeError, KeyError) as error:
            raise ValueError(
                "inputs: expected arrays that the graph runs on, so that folding can be verified, got an error: "
                f"{reason(error).rstrip('.')}. Give `inputs`, a dict from names to arrays, or run on a machine that "
                "has the kernels."
            ) from error

"""Copies the bytes of variables from V2 checkpoints into another.

That takes less time and memory than reading and writing arrays. The entry in the index is copied too, with the
variable's checksum; TensorFlow reads the copy and compares the checksum while the next variables are copied. That
detects a damaged source, and bytes copied from a wrong place.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import tensorflow as tf

from tfbn import _tensorflow, table_file
from tfbn.checkpoint import stored
from tfbn.checkpoint.stored import Stored
from tfbn.progress import Progress

_CHUNK_BYTES = 2**20  # small enough to stay in the processor's cache between reading and writing
# A part is complete with this many bytes or variables. Of larger variables each thread has one in memory.
_MAX_PART_BYTES, _MAX_PART_VARIABLES = 4 * 2**20, 500
_THREADS = 2


class Copier:
    """Writes checkpoints of one data file to a folder; `finish` returns their prefixes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._part: _Part | None = None
        self._source: io.FileIO | None = None
        self._buffer = memoryview(bytearray(_CHUNK_BYTES))
        self._pool = ThreadPoolExecutor(_THREADS)
        self._checks: list[tuple[_Part, Future]] = []

    def copy(self, name: str, origin: Stored) -> None:
        """Raises ValueError if the file ends within the variable, or an earlier variable is damaged."""
        if self._part is None:
            self._part = _Part(f"{self._folder / 'copied'}-{len(self._checks)}")
        self._part.add(name, origin, self._chunks(origin))
        if self._part.is_full:
            self._check()

    def finish(self) -> list[str]:
        """Waits until all checksums are compared; raises ValueError for a variable whose checksum differs."""
        self._check()
        with Progress("Checking", len(self._checks), "parts") as bar:
            for _, check in self._checks:
                check.result()
                bar.update()
        return [part.prefix for part, _ in self._checks]

    def close(self) -> None:
        for _, check in self._checks:
            check.cancel()
        self._pool.shutdown()
        for file in (self._part, self._source):
            if file is not None:
                file.close()

    def _check(self) -> None:
        for _, check in self._checks:
            if check.done():
                check.result()
        if self._part is not None:
            self._part.finish()
            self._checks.append((self._part, self._pool.submit(self._part.check)))
            self._part = None

    def _chunks(self, origin: Stored) -> Iterator[memoryview]:
        """The bytes in order; a chunk is valid until the next one."""
        try:
            source = self._open_source(origin.file)
            source.seek(origin.entry.offset)
            remaining = origin.entry.size
            while remaining:
                count = source.readinto(self._buffer[:remaining])
                if not count:
                    raise _damage_error(origin, f"{origin.file} ends before it does")
                remaining -= count
                yield self._buffer[:count]
        except OSError as error:
            raise _damage_error(origin, str(error)) from error

    def _open_source(self, file: str) -> io.FileIO:
        if self._source is None or self._source.name != file:
            if self._source is not None:
                self._source.close()
            self._source = open(file, "rb", buffering=0)
        return self._source


class _Part:
    """A checkpoint of some variables."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        # Unbuffered: a buffer is flushed when the file is closed, which on a full disk raises again.
        self._data = open(f"{prefix}.data-00000-of-00001", "wb", buffering=0)
        self._size = 0
        self._entries: dict[bytes, bytes] = {}
        self._origins: dict[str, Stored] = {}

    def add(self, name: str, origin: Stored, chunks: Iterator[memoryview]) -> None:
        for chunk in chunks:
            while chunk:
                chunk = chunk[self._data.write(chunk) :]
        entry = type(origin.entry)()
        entry.CopyFrom(origin.entry)
        entry.shard_id, entry.offset = 0, self._size
        self._size += entry.size
        self._entries[name.encode()] = entry.SerializeToString()
        self._origins[name] = origin

    @property
    def is_full(self) -> bool:
        return self._size >= _MAX_PART_BYTES or len(self._entries) >= _MAX_PART_VARIABLES

    def finish(self) -> None:
        """Writes the index."""
        self.close()
        header_type, _ = _tensorflow.bundle_types()
        header = header_type(num_shards=1, endianness=stored.endianness())
        header.version.producer = 1
        table = table_file.build({b"": header.SerializeToString(), **self._entries})
        Path(f"{self.prefix}.index").write_bytes(table)

    def check(self) -> None:
        """Raises ValueError for a variable whose checksum differs."""
        # Invalid bytes read as a variant, such as an iterator's state, would kill the process.
        readable = {
            name: origin
            for name, origin in self._origins.items()
            if tf.as_dtype(origin.entry.dtype).name not in stored.OPAQUE
        }
        if not readable:
            return
        try:
            self._read(list(readable))
        except tf.errors.OpError:
            if not os.path.exists(f"{self.prefix}.index"):
                raise  # the copy is gone, and the source is not to blame
            for name, origin in readable.items():
                try:
                    self._read([name])
                except tf.errors.OpError as error:
                    raise _damage_error(origin, "its checksum or its size is not the one in the index") from error
            raise

    def close(self) -> None:
        self._data.close()

    def _read(self, names: Sequence[str]) -> None:
        """Runs the op without fetching its outputs, because NumPy lacks some of the dtypes."""
        with tf.Graph().as_default() as graph:
            read = tf.raw_ops.RestoreV2(
                prefix=self.prefix,
                tensor_names=names,
                shape_and_slices=[""] * len(names),
                dtypes=[tf.as_dtype(self._origins[name].entry.dtype) for name in names],
            )
        threads = tf.compat.v1.ConfigProto(
            inter_op_parallelism_threads=1, intra_op_parallelism_threads=1, use_per_session_threads=True
        )
        with tf.compat.v1.Session(graph=graph, config=threads) as session:
            session.run(read[0].op)


def _damage_error(origin: Stored, reason: str) -> ValueError:
    return ValueError(
        f"{origin.checkpoint}: expected a whole checkpoint, got one that is damaged: {origin.name} cannot be read: "
        f"{reason}."
    )

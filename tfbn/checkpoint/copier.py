"""Copies variables from V2 checkpoints into another as the bytes that they are.

Read and written by TensorFlow they take some three times as long. The entry in the index is taken over with the
checksum that the source has of the variable; in the end TensorFlow reads all that was copied and compares. That finds a
damaged source, and would find a mistake of this module.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from tfbn import _tensorflow
from tfbn.checkpoint import stored, table_file
from tfbn.checkpoint.stored import Stored
from tfbn.progress import Progress

_CHUNK = 2**20  # bytes, which stay in the processor's cache between reading and writing


class Copier:
    """Makes a checkpoint of one data file at `prefix`."""

    def __init__(self, prefix: Path) -> None:
        self.prefix = str(prefix)
        self._data = open(f"{prefix}.data-00000-of-00001", "wb")
        self._size = 0
        self._entries: dict[bytes, bytes] = {}
        self._origins: dict[str, Stored] = {}
        self._source: io.FileIO | None = None
        self._buffer = memoryview(bytearray(_CHUNK))

    def copy(self, name: str, origin: Stored) -> None:
        """Raises ValueError where a file ends before the variable does."""
        for chunk in self._chunks(origin):
            self._data.write(chunk)
        entry = type(origin.entry)()
        entry.CopyFrom(origin.entry)
        entry.shard_id, entry.offset = 0, self._size
        self._size += entry.size
        self._entries[name.encode()] = entry.SerializeToString()
        self._origins[name] = origin

    def finish(self) -> None:
        """Writes the index and compares the checksums; raises ValueError where a variable does not have its own."""
        self._data.flush()
        header_type, _ = _tensorflow.bundle_types()
        header = header_type(num_shards=1, endianness=stored.endianness())
        header.version.producer = 1
        table = table_file.made({b"": header.SerializeToString(), **self._entries})
        Path(f"{self.prefix}.index").write_bytes(table)
        reader = tf.train.load_checkpoint(self.prefix)
        with Progress("Checking", self._size, "B") as bar:
            for name, origin in self._origins.items():
                try:
                    reader.get_tensor(name)
                except tf.errors.OpError as error:
                    # There is no class for it that all versions of TensorFlow raise.
                    if "Checksum does not match" not in error.message:
                        raise
                    raise _damaged(origin, "its checksum is not the one in the index") from error
                bar.update(origin.entry.size)

    def close(self) -> None:
        self._data.close()
        if self._source is not None:
            self._source.close()

    def _chunks(self, origin: Stored) -> Iterator[memoryview]:
        """Each holds until the next one is asked for."""
        try:
            source = self._opened(origin.file)
            source.seek(origin.entry.offset)
            left = origin.entry.size
            while left:
                count = source.readinto(self._buffer[:left])
                if not count:
                    raise _damaged(origin, f"{origin.file} ends before it does")
                left -= count
                yield self._buffer[:count]
        except OSError as error:
            raise _damaged(origin, str(error)) from error

    def _opened(self, file: str) -> io.FileIO:
        if self._source is None or self._source.name != file:
            if self._source is not None:
                self._source.close()
            self._source = open(file, "rb", buffering=0)
        return self._source


def _damaged(origin: Stored, reason: str) -> ValueError:
    return ValueError(
        f"{origin.checkpoint}: expected a whole checkpoint, got one that is damaged: {origin.name} cannot be read: "
        f"{reason}."
    )

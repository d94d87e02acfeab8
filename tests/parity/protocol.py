"""Messages between client and server: a length, then a pickle of builtins only.

Arrays travel as dtype, shape and bytes, because numpy 2 pickles name modules that numpy 1.18 does not have. Runs on
Python 3.7.
"""

from __future__ import annotations

import pickle
import struct
from typing import Any, BinaryIO

import numpy as np

_LENGTH = struct.Struct(">Q")


def _plain(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.ascontiguousarray(value)
        return {"\0array": (array.dtype.str, np.shape(value), array.tobytes())}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _rich(value: Any) -> Any:
    if isinstance(value, dict):
        if "\0array" in value:
            dtype, shape, content = value["\0array"]
            return np.frombuffer(content, dtype).reshape(shape)
        return {key: _rich(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rich(item) for item in value]
    return value


def dumps(value: Any) -> bytes:
    return pickle.dumps(_plain(value), protocol=4)


def loads(content: bytes) -> Any:
    return _rich(pickle.loads(content))


def send(stream: BinaryIO, value: Any) -> None:
    content = dumps(value)
    stream.write(_LENGTH.pack(len(content)) + content)
    stream.flush()


def receive(stream: BinaryIO) -> Any:
    """The next message; EOFError where the other end is gone."""
    header = stream.read(_LENGTH.size)
    if len(header) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(header)
    content = stream.read(length)
    if len(content) < length:
        raise EOFError
    return loads(content)

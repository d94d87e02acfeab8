"""A model of power cuts: which folders there can be after one, by the calls of a program that writes.

`Disk` stands for the module `os`, records, and passes on. The power may go after each recorded call. What `fsync` was
asked for is then on the disk; of what came after, every part may be there or not: a rename or removal, whatever others
did, and the bytes of a file that were not synced before, in whose place it is empty.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path


class Disk:
    """The calls that change `folder`, from its state when this was made."""

    def __init__(self, folder):
        self.folder = folder
        self.start = tree(folder)
        self._opened = {}
        self._synced = {}  # the bytes, or the set of names, that a path had when it was synced
        self._calls = []

    def __getattr__(self, name):
        return getattr(os, name)

    def open(self, path, flags, *arguments, **named):
        descriptor = os.open(path, flags, *arguments, **named)
        self._opened[descriptor] = Path(path)
        return descriptor

    def fsync(self, descriptor):
        os.fsync(descriptor)
        path = self._opened[descriptor]
        self._synced[path] = path.read_bytes() if path.is_file() else set(os.listdir(path))
        if path == self.folder:
            self._calls.append(None)

    def replace(self, source, place):
        self._record({Path(place).name: self._durable(Path(source))})
        os.replace(source, place)

    def unlink(self, path):
        self._record({Path(path).name: None})
        os.unlink(path)

    def states(self):
        """Every folder that there can be, and apart those once all calls are done."""
        durable, pending, possible = self.start, [], [self.start]
        for call in self._calls:
            if call is None:
                durable, pending = applied(durable, pending), []
            else:
                pending.append(call)
            for count in range(len(pending) + 1):
                possible += [applied(durable, chosen) for chosen in itertools.combinations(pending, count)]
        last = [
            applied(durable, chosen)
            for count in range(len(pending) + 1)
            for chosen in itertools.combinations(pending, count)
        ]
        return possible, last

    def _record(self, change):
        self._calls.append(change)

    def _durable(self, source):
        """What is sure to be under `source`: of a folder the files whose names were synced."""
        if source.is_file():
            return source.read_bytes() if self._synced.get(source) == source.read_bytes() else b""
        names = os.listdir(source)
        return {name: self._durable(source / name) for name in names if name in self._synced.get(source, ())}


def applied(state, changes):
    """The folder after these changes."""
    state = {**state, **{name: content for change in changes for name, content in change.items()}}
    return {name: content for name, content in state.items() if content is not None}


def tree(folder):
    """What is in a folder, but for the folders that runs work in."""
    return {
        path.name: path.read_bytes() if path.is_file() else tree(path)
        for path in sorted(folder.iterdir())
        if not path.name.endswith(".partial")
    }

"""tf.train.Checkpoint: programs of `BatchNorm` and other modules, with a chain of attributes to each variable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from tfbn.checkpoint import bundle, object_graph
from tfbn.checkpoint.bundle_reader import BundleReader, contains, find_prefix
from tfbn.checkpoint.kinds import Kind
from tfbn.checkpoint.reader import Reader
from tfbn.checkpoint.values import Step, Value
from tfbn.checkpoint.writer import Writer


class Objects(Kind):
    name = "BatchNorm"
    like_formats = ("objects",)

    def recognizes(self, path: str) -> bool:
        return contains(path, object_graph.KEY)

    def open(self, path: str) -> Reader:
        return BundleReader(find_prefix(path), "objects")

    def name_of(self, path: str, is_debias: bool) -> str:
        return object_graph.name_of(path)

    def layer_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """[C] for a shape such as [1, 1, 1, C], whose ones carry no information."""
        if len(shape) > 1 and sum(size != 1 for size in shape) <= 1:
            return (max(shape),)
        return shape

    def own_steps(self) -> Sequence[Step]:
        # tf.train.Checkpoint.save writes it, and `restore` takes a checkpoint without it for incomplete.
        counter = Value((), "int64", "", "for tf.train.Checkpoint.restore", lambda: np.array(1))
        return [Step(object_graph.name_of(object_graph.COUNTER), counter)]

    @contextmanager
    def writing(self, target: str, like: Reader | None, force: bool) -> Iterator[Writer]:
        with bundle.writing(target, force) as writer:
            yield writer
            if like is None:  # else its graph is one of the variables
                graph = object_graph.build({object_graph.path_of(name) for name in writer.names})
                writer.add(object_graph.KEY, np.array(graph, dtype=object))

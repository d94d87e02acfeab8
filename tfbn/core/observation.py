"""Observers of layers: they get what a layer normalizes in training, in place of its statistics.

An observer belongs to layers, known by their variable moving_mean, and to no thread: whichever thread or replica calls
an observed layer, its observer gets the call, and no other layer behaves differently.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import tensorflow as tf

from tfbn import _tensorflow
from tfbn.core.flag import Flag
from tfbn.core.settings import Settings
from tfbn.core.values import State


class TrainingCall(NamedTuple):
    """The inputs of one call in training."""

    inputs: tf.Tensor
    weights: tf.Tensor | None  # as `sample_weights` gives them
    is_training: Flag
    state: State
    settings: Settings


Observer = Callable[[TrainingCall], None]

# By the id of moving_mean; the variable itself is there so that no other can get its id.
_observers: dict[int, tuple[Any, Observer]] = {}
_lock = threading.Lock()


@contextmanager
def observing(moving_means: Iterable[Any], observer: Observer) -> Iterator[None]:
    """Within, `observer` is told of each training call of the layers with these moving means.

    They neither update their statistics then nor correct by renorm. That holds for eager calls and for graphs of which
    `trace_for_observer` was called. Any other graph may outlive the observer, and is traced as always.

    Raises:
      RuntimeError: a layer is being observed already.
    """
    variables = {id(variable): variable for variable in moving_means}
    with _lock:
        for key in variables:
            if key in _observers:
                raise RuntimeError(
                    f"{variables[key].name.rpartition('/')[0]}: expected a layer that no other recalibration uses, "
                    "got one that another is replacing the statistics of. Wait until that one has ended."
                )
        _observers.update({key: (variable, observer) for key, variable in variables.items()})
    try:
        yield
    finally:
        with _lock:
            for key in variables:
                del _observers[key]


def trace_for_observer() -> None:
    """Lets calls in the graph that is being traced tell their observers, for as long as the graph lives."""
    _tensorflow.graph_table(tf.compat.v1.get_default_graph())["for observer"] = True


def observer_of(variables: Iterable[Any]) -> Observer | None:
    """The observer to tell of a call, here and now, that uses these variables; None where there is none."""
    if not _observers:  # as nearly always
        return None
    # Looked up once each: another thread may end its observation at any time.
    entries = (_observers.get(id(variable)) for variable in variables)
    observer = next((entry[1] for entry in entries if entry is not None), None)
    if observer is None or tf.executing_eagerly():
        return observer
    return observer if "for observer" in _tensorflow.graph_table(_tensorflow.graph_around_bodies()) else None

"""Observers of layers: they get the inputs of training calls, in place of the layers' statistics.

An observer belongs to layers, identified by their variable moving_mean, and not to a thread: it gets the calls of these
layers from any thread or replica, and no other layer behaves differently.
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

# By the id of moving_mean; the variable itself is kept so that no other can get its id.
_observers: dict[int, tuple[Any, Observer]] = {}
_lock = threading.Lock()


@contextmanager
def observing(moving_means: Iterable[Any], observer: Observer) -> Iterator[None]:
    """In this context, `observer` gets each training call of the layers with these moving means.

    Meanwhile these layers neither update their statistics nor apply renorm. This holds for eager calls and for graphs
    in which `trace_for_observer` was called. Any other graph may outlive the observer, and is traced as usual.

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
    """Makes calls in the graph being traced notify their observers, for as long as the graph lives."""
    _tensorflow.graph_table(tf.compat.v1.get_default_graph())["for observer"] = True


def find_observer(variables: Iterable[Any]) -> Observer | None:
    """The observer to notify of a call that uses these variables in the current context; None if there is none."""
    if not _observers:  # as nearly always
        return None
    # One lookup for each variable: another thread may end its observation at any time.
    entries = (_observers.get(id(variable)) for variable in variables)
    observer = next((entry[1] for entry in entries if entry is not None), None)
    if observer is None or tf.executing_eagerly():
        return observer
    return observer if "for observer" in _tensorflow.graph_table(_tensorflow.graph_around_bodies()) else None

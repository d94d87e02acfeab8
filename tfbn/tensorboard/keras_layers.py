"""The batch statistics of Keras' own batch norms, read from the moving statistics that a call updates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tfbn.recalibrate.pooled import Pooled, Summary


@contextmanager
def observed_layers(layers: list[Any]) -> Iterator[dict[int, Pooled]]:
    """Yields the statistics of what goes through the layers in training, by the layers' ids.

    Their moving statistics are after each call as they were before it. A layer that does not train has no entry.
    """
    found: dict[int, Pooled] = {}
    own = [vars(layer).get("call") for layer in layers]
    try:
        for layer in layers:
            # Not by setattr, which Keras tracks.
            vars(layer)["call"] = _observe(layer, found)
        yield found
    finally:
        for layer, call in zip(layers, own):
            del vars(layer)["call"]
            if call is not None:
                vars(layer)["call"] = call


def _observe(layer: Any, found: dict[int, Pooled]) -> Callable[..., Any]:
    call, averages = layer.call, (layer.moving_mean, layer.moving_variance)

    def observed(inputs: Any, *args: Any, **kwargs: Any) -> Any:
        before, momentum = [_value(average) for average in averages], layer.momentum
        layer.momentum = 0.0  # so that the averages become the batch's statistics
        try:
            outputs = call(inputs, *args, **kwargs)
            mean, variance = (_value(average) for average in averages)
        finally:
            layer.momentum = momentum
            for average, value in zip(averages, before):
                average.assign(value)
        samples = np.size(inputs) // max(mean.size, 1)
        if samples and not all(map(np.array_equal, (mean, variance), before)):
            mean, variance = (np.ravel(value).astype(np.float64) for value in (mean, variance))
            found.setdefault(id(layer), Pooled()).add(Summary(samples, mean, variance * samples))
        return outputs

    return observed


def _value(variable: Any) -> np.ndarray:
    return np.array(variable.numpy())

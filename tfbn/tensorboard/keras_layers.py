"""The batch statistics of Keras' own batch norms, read from the moving statistics that a call updates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tfbn.recalibrate.pooled import Pooled, Summary


@contextmanager
def observed_layers(layers: list[Any]) -> Iterator[dict[int, Pooled]]:
    """Yields the statistics of the layers' inputs in training, by the layers' ids.

    Each call leaves their moving statistics unchanged. A layer that does not train has no entry.
    """
    pooled_inputs: dict[int, Pooled] = {}
    original_calls = [vars(layer).get("call") for layer in layers]
    try:
        for layer in layers:
            # Not with setattr, which Keras tracks.
            vars(layer)["call"] = _observe(layer, pooled_inputs)
        yield pooled_inputs
    finally:
        for layer, call in zip(layers, original_calls):
            del vars(layer)["call"]
            if call is not None:
                vars(layer)["call"] = call


def _observe(layer: Any, pooled_inputs: dict[int, Pooled]) -> Callable[..., Any]:
    call, averages = layer.call, (layer.moving_mean, layer.moving_variance)

    def observed(inputs: Any, *args: Any, **kwargs: Any) -> Any:
        before, momentum = [_value(average) for average in averages], layer.momentum
        layer.momentum = 0.0  # makes the averages the batch's statistics
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
            pooled_inputs.setdefault(id(layer), Pooled()).add(Summary(samples, mean, variance * samples))
        return outputs

    return observed


def _value(variable: Any) -> np.ndarray:
    return np.array(variable.numpy())

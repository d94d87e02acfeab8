"""Summaries read back, and what NumPy says that they are."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

tf1 = tf.compat.v1
# One rounding to float32 of scalars, and of batches that a float32 network computes, some ten.
ROUNDED = {"rtol": 2e-6, "atol": 1e-12}


def read(serialized):
    """The values of a summary by tag; of a histogram the minimum, maximum, count, sum and sum of squares."""
    summary = tf1.Summary.FromString(serialized) if isinstance(serialized, bytes) else serialized
    found = {}
    for value in summary.value:
        histogram = value.histo
        is_histogram = value.HasField("histo")
        numbers = [histogram.min, histogram.max, histogram.num, histogram.sum, histogram.sum_squares]
        found[value.tag] = np.array(numbers if is_histogram else value.simple_value)
    assert len(found) == len(summary.value)
    return found


def read_events(folder):
    """The values of the event file in the folder by step."""
    (events,) = map(str, folder.glob("events.out.tfevents.*"))
    return {event.step: read(event.summary) for event in tf1.train.summary_iterator(events) if event.summary.value}


def expected(scope, moving, batch=None):
    """What `read` gives for one layer; `moving` and `batch` are pairs of a mean and a variance."""
    arrays = {"moving_mean": moving[0], "moving_variance": moving[1]}
    scalars = {}
    if batch is not None:
        arrays.update(batch_mean=batch[0], batch_variance=batch[1])
        scalars["mean_distance"] = np.sqrt(np.mean((moving[0] - batch[0]) ** 2 / batch[1]))
        scalars["variance_distance"] = np.sqrt(np.mean((moving[1] / batch[1] - 1) ** 2))
    wide = {name: np.asarray(array, np.float64) for name, array in arrays.items()}
    histograms = {name: [a.min(), a.max(), a.size, a.sum(), np.sum(a**2)] for name, a in wide.items()}
    return {f"statistics/{scope}/{name}": np.array(value) for name, value in {**histograms, **scalars}.items()}


def assert_equal(found, wanted):
    assert found.keys() == wanted.keys()
    for tag, value in wanted.items():
        np.testing.assert_allclose(found[tag], value, **ROUNDED, err_msg=tag)

"""`summaries`: the statistics of batch norm layers for TensorBoard, of a TF1 graph or of a model in eager code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

from tfbn.core.values import State
from tfbn.keras.from_keras import find_batch_norms
from tfbn.keras.generation import NAMES
from tfbn.keras.layer import Layer as KerasLayer
from tfbn.keras.wrap import module_of
from tfbn.module import BatchNorm
from tfbn.recalibrate import pooled
from tfbn.recalibrate.module import Layer, Sums, find_layers, observed_pass, select
from tfbn.recalibrate.session import summarize_site
from tfbn.recalibrate.sites import find
from tfbn.recalibrate.stored import value_tensor
from tfbn.tensorboard.keras_layers import observed_layers
from tfbn.tf1_module import TF1Module


def summaries(
    source: Any = None, batch: Any = None, call: Callable[[Any], Any] | None = None, *, layers: Any = None
) -> tf.Tensor:
    """A summary of batch norm layers for TensorBoard: moving statistics, those of the batch, and their distance.

    For each layer, under the tag `statistics/SCOPE`, there are histograms over the channels of `moving_mean`,
    `moving_variance`, `batch_mean` and `batch_variance`, and two scalars, root mean squares over the channels:
    `mean_distance`, between the moving and the batch's mean in standard deviations of the batch, and
    `variance_distance`, between the moving and the batch's variance relative to the latter. Where the update ops run,
    both fall to the noise from batch to batch; where they are forgotten, both stay or grow. The statistics of the batch
    are weighted, pooled over virtual batches and over calls that share variables, and the variance has the layer's own
    estimator.

    For a layer that does not normalize by the batch in this run, or has no sample, only the moving statistics are
    written. A histogram with NaN or infinities is left out.

    In a TF1 graph this creates an op, as tf.compat.v1.summary.merge_all does, but in no collection: run it with the
    feeds of a training step, before, after or together with the train op. Together, it reads the moving statistics
    either before or after their update. In eager code the batch runs once more, as in training, and nothing changes: no
    statistic, and in a Keras model neither its own batch norms nor its seeds.

    Args:
      source: tf.Graph or session, default None for the default graph; or tf.Module with tfbn.BatchNorm or TF1Module
        within, or a model of Keras, with Keras' own batch norms or tfbn.keras.BatchNorm.
      batch: what `call` takes; for a graph None.
      call: function of the batch that runs the model as in training, without the optimizer; for a graph None. Default:
        source(batch, is_training=True), of Keras training=True.
      layers: the layers to summarize: scopes ('net/BatchNorm', or 'net' for all within), a string or a list. Default
        None, for all.

    Returns:
      A scalar string tensor, a serialized tf.compat.v1.Summary: for a tf.compat.v1.summary.FileWriter's add_summary in
      TF1, and for tf.summary.experimental.write_raw_pb in eager code.

    Raises:
      ValueError: no layers, or not those asked for; of a graph, layers in loops and branches and the others whose
        batches no run can fetch, unless `layers` leaves them out; a finalized graph; of a model, layers without
        variables yet, and a call in which no layer trains.
      TypeError: another kind of source.
      RuntimeError: a module while a graph is built, including that of a tf.function.

    Example:
      >>> import tensorflow as tf, tfbn
      >>> norm = tfbn.BatchNorm(2)
      >>> serialized = tfbn.summaries(norm, tf.constant([[1.0, 5.0], [3.0, 9.0]]))
      >>> summary = tf.compat.v1.Summary.FromString(serialized.numpy())
      >>> for value in summary.value[-2:]:
      ...     print(value.tag, round(value.simple_value, 3))
      statistics/batch_norm/mean_distance 2.016
      statistics/batch_norm/variance_distance 0.713
    """
    if source is None or isinstance(source, tf.Graph) or isinstance(getattr(source, "graph", None), tf.Graph):
        for name, value in (("batch", batch), ("call", call)):
            if value is not None:
                raise ValueError(f"{name}: expected None for a graph, got {value!r}. Feed the op that is returned.")
        graph = getattr(source, "graph", source) or tf.compat.v1.get_default_graph()
        return _summarize_graph(graph, layers)
    if not tf.executing_eagerly():
        raise RuntimeError(
            "source: expected eager code for a module, got a graph that is being built. Call tfbn.summaries outside of "
            "tf.function, beside the step; for the layers of a TF1 graph pass no source."
        )
    return _summarize_model(source, batch, call, layers)


def _summarize_graph(graph: tf.Graph, layers: Any) -> tf.Tensor:
    selected, _ = find(graph, layers, independent=False)
    calls = {layer.scope: [summarize_site(graph, site) for site in layer.sites] for layer in selected}
    with graph.as_default(), tf.device(None), tf.control_dependencies(None), tf.name_scope("tfbn_summaries"):
        return tf.raw_ops.MergeSummary(
            inputs=[
                _summarize_layer(
                    layer.scope,
                    [value_tensor(graph, layer.variables[name]) for name in pooled.STATISTICS],
                    _pool(calls[layer.scope]),
                    layer.unbiased and not layer.renorm,
                )
                for layer in selected
            ]
        )


def _pool(calls: list[tuple[Any, pooled.Summary]]) -> pooled.Summary:
    """One summary of all calls that train in a run."""
    # With tf.where, because a call that does not train may give NaN.
    training = [
        pooled.Summary(*(tf.where(active, value, tf.zeros_like(value)) for value in summary))
        for active, summary in calls
    ]
    samples = tf.add_n([summary.samples for summary in training])
    mean = tf.math.divide_no_nan(tf.add_n([summary.samples * summary.mean for summary in training]), samples)
    squares = tf.add_n([summary.squares + summary.samples * tf.square(summary.mean - mean) for summary in training])
    return pooled.Summary(samples, mean, squares)


def _summarize_model(source: Any, batch: Any, call: Callable[[Any], Any] | None, layers: Any) -> tf.Tensor:
    from_keras = any(cls.__module__.partition(".")[0] in NAMES for cls in type(source).__mro__)
    all_layers = _find_keras_layers(source) if from_keras else find_layers(source)
    chosen = select(all_layers, layers)
    argument = "training" if from_keras else "is_training"
    run = call or (lambda batch: source(batch, **{argument: True}))
    own = [layer for layer in all_layers if not _is_keras(layer)]
    others = [layer.module for layer in all_layers if _is_keras(layer)]
    moving = {layer.scope: [np.array(layer.variables[name].numpy()) for name in pooled.STATISTICS] for layer in chosen}
    with _state_restored(source if from_keras else None), observed_layers(others) as by_layer:
        with observed_pass(own, run, [batch], False) as (sums, _):
            pass
    batches = {layer.scope: _batch_of(layer, sums, by_layer) for layer in chosen}
    if all(batch is None for batch in batches.values()):
        raise ValueError("call: expected a call in which some layer trains, got none. Does it pass is_training=True?")
    nothing = pooled.Summary(0.0, 0.0, 0.0), False
    return tf.raw_ops.MergeSummary(
        inputs=[
            _summarize_layer(layer.scope, moving[layer.scope], *(batches[layer.scope] or nothing)) for layer in chosen
        ]
    )


def _is_keras(layer: Layer) -> bool:
    return not isinstance(layer.module, (BatchNorm, TF1Module))


def _batch_of(layer: Layer, sums: Sums, by_layer: Mapping[int, pooled.Pooled]) -> tuple[pooled.Summary, bool] | None:
    """A layer's batch, and whether its variance needs the unbiased correction; None if it never trained."""
    inputs = sums.of(layer)
    batch = by_layer.get(id(layer.module)) if inputs is None else inputs.pooled
    if batch is None:
        return None
    unbiased = inputs is not None and inputs.unbiased and "moving_stddev" not in layer.variables
    return pooled.Summary(batch.samples, batch.mean, batch.squares), unbiased


def _find_keras_layers(model: Any) -> list[Layer]:
    """The batch norm layers of a model, tfbn's and Keras' own."""
    if not hasattr(model, "layers"):
        raise TypeError(f"source: expected a model, got the layer {model.name!r}. Pass the model that it is in.")
    layers = []
    for path, layer in find_batch_norms(model):
        module = module_of(layer) if isinstance(layer, KerasLayer) else layer
        state = {name: getattr(module, name, None) for name in State._fields}
        variables = {name: variable for name, variable in state.items() if variable is not None}
        if not variables:
            raise ValueError(f"source: expected layers that are built, got {path}. Call the model once before this.")
        layers.append(Layer(path, variables, module))
    if not layers:
        raise ValueError(f"source: expected a model with batch norm layers in it, got {model.name!r} without.")
    return layers


@contextmanager
def _state_restored(model: Any) -> Iterator[None]:
    """Restores the state that a training call changes in a Keras model outside of the observed layers."""
    trained = set() if model is None else {id(variable) for variable in model.trainable_variables}
    state = [] if model is None else [variable for variable in model.variables if id(variable) not in trained]
    before = [np.array(variable.numpy()) for variable in state]
    try:
        yield
    finally:
        for variable, value in zip(state, before):
            variable.assign(value)


def _summarize_layer(scope: str, moving: Any, batch: pooled.Summary, unbiased: bool) -> tf.Tensor:
    moving_mean, moving_variance = (tf.cast(tf.reshape(value, [-1]), tf.float64) for value in moving)
    samples = tf.convert_to_tensor(batch.samples, tf.float64)

    def summarize_batch() -> tf.Tensor:
        variance = batch.squares / (tf.maximum(samples - 1.0, 1.0) if unbiased else samples)
        # A channel that never varies has no stddev as a unit.
        divisor = tf.maximum(variance, np.finfo(np.float32).tiny)
        mean_distance = (moving_mean - batch.mean) / tf.sqrt(divisor)
        variance_distance = moving_variance / divisor - 1.0
        return tf.raw_ops.MergeSummary(
            inputs=[
                _histogram(f"statistics/{scope}/batch_mean", batch.mean),
                _histogram(f"statistics/{scope}/batch_variance", variance),
                _root_mean_square(f"statistics/{scope}/mean_distance", mean_distance),
                _root_mean_square(f"statistics/{scope}/variance_distance", variance_distance),
            ]
        )

    return tf.raw_ops.MergeSummary(
        inputs=[
            _histogram(f"statistics/{scope}/moving_mean", moving_mean),
            _histogram(f"statistics/{scope}/moving_variance", moving_variance),
            tf.compat.v1.cond(samples > 0.0, summarize_batch, _write_nothing),
        ]
    )


def _histogram(tag: str, values: Any) -> tf.Tensor:
    # The op fails on values that are not finite, which would end the training that it monitors.
    return tf.compat.v1.cond(
        tf.reduce_all(tf.math.is_finite(values)),
        lambda: tf.raw_ops.HistogramSummary(tag=tag, values=values),
        _write_nothing,
    )


def _root_mean_square(tag: str, values: tf.Tensor) -> tf.Tensor:
    return tf.raw_ops.ScalarSummary(tags=tag, values=tf.sqrt(tf.reduce_mean(tf.square(values))))


def _write_nothing() -> tf.Tensor:
    """An empty summary, serialized."""
    return tf.constant(b"")

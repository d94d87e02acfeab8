"""`recalibrate_module`: population statistics of the layers of a tf.Module."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfbn import _tensorflow
from tfbn.arguments import checks
from tfbn.core import observation, values
from tfbn.core.settings import Settings
from tfbn.module import BatchNorm
from tfbn.progress import Progress
from tfbn.recalibrate import pooled
from tfbn.recalibrate.pooled import Pooled, Recalibrated
from tfbn.tf1_module import TF1Module


class Layer(NamedTuple):
    """A layer's scope, and the variables that training updates by short name."""

    scope: str
    variables: dict[str, tf.Variable]
    module: tf.Module  # the BatchNorm, or the TF1Module that it is in


def recalibrate_module(
    module: tf.Module,
    batches: Iterable[Any],
    call: Callable[[Any], Any] | None = None,
    *,
    layers: Any = None,
    progress: bool | None = None,
) -> list[Recalibrated]:
    """Replaces the moving statistics of a module's layers by the mean and variance of the data.

    The model runs once over the batches as in training, where each layer normalizes by the batch, and what goes into
    each is pooled in float64: the mean and the variance over all samples of all batches, weighted by batch_weights and
    masks, as if they had been one batch. The variance has the layer's own estimator. One pass is enough for all layers
    together: in training the inputs of a layer depend on the batch's statistics in the layers before it, not on moving
    ones. No statistic of the module changes during the pass; layers of other modules train as usual.

    Renorm corrects nothing during the pass (r = 1, d = 0), and its averages are replaced too. With zero debias, the
    start at zero counts as forgotten; with decay=None, the batches count as averaged. All samples of virtual batches
    are pooled. A layer that is only called with is_training=False does not change.

    Args:
      module: tf.Module with tfbn.BatchNorm or TF1Module within, or one of these itself; every layer has been called
        once, so that its variables exist.
      batches: iterable of what `call` takes, gone through once. Large ones are better: later layers see what the layers
        before them compute from a batch of this size.
      call: function of a batch that runs the model as in training, and nothing else that changes variables, such as an
        optimizer. Default: module(batch, is_training=True). Each tf.function that it calls in this thread or in the
        replicas of a strategy runs as Python code, eagerly; those of other threads run as always.
      layers: the layers to recalibrate: scopes ('net/BatchNorm', or 'net' for all within), BatchNorm objects, or a list
        of both. Default None, for all.
      progress: whether to draw a progress bar; it needs rich. Default: on terminals.

    Returns:
      A list with a Recalibrated for each layer: its scope, how many samples, how far its statistics were off.

    Raises:
      ValueError: no layers, or not those asked for; layers without variables yet; no batch, or no sample for a layer
        asked for; NaN or infinities. After any error, Ctrl-C included, the statistics are as they were before.
      RuntimeError: a TF1 graph, for which there is recalibrate_session; a layer that another recalibration is using;
        statistics that something else updated during the pass, such as a tf.function in another thread.

    Example:
      >>> import tensorflow as tf, tfbn
      >>> norm = tfbn.BatchNorm(2)
      >>> batches = [tf.constant([[1.0, 5.0], [3.0, 5.0]]), tf.constant([[8.0, 5.0]])]
      >>> reports = tfbn.recalibrate.recalibrate_module(norm, batches)
      >>> print(norm.moving_mean.numpy(), norm.moving_variance.numpy(), reports[0].samples)
      [4. 5.] [13.  0.] 3.0

    References:
      Chan, Golub and LeVeque, Updating Formulae and a Pairwise Algorithm for Computing Sample Variances, 1979.
    """
    checks.check_no_tf1_graph("recalibrate_module")
    all_layers = find_layers(module)
    chosen = select(all_layers, layers)
    run = call or (lambda batch: module(batch, is_training=True))  # type: ignore[operator]
    with observed_pass(all_layers, run, batches, progress) as (sums, before):
        return _replace(chosen, sums, before, asked_for=layers is not None)


@contextmanager
def observed_pass(
    layers: list[Layer], call: Callable[[Any], Any], batches: Iterable[Any], progress: bool | None
) -> Iterator[tuple[Sums, Snapshot]]:
    """Runs the batches as in training, without changing any statistic.

    Yields the pooled inputs of the layers, and a snapshot of their statistics, which is restored after any error.
    """
    sums = Sums()
    with observation.observing([layer.variables["moving_mean"] for layer in layers], sums.add):
        before = Snapshot(layers)
        try:
            _run(call, batches, progress)
            sums.close()
            before.check_unchanged()
            yield sums, before
        except BaseException:
            before.restore()
            raise


def _run(call: Callable[[Any], Any], batches: Iterable[Any], progress: bool | None) -> None:
    number = 0
    with Progress("Recalibrating", pooled.length(batches), show=progress) as bar:
        for batch in batches:
            with _tensorflow.functions_run_eagerly():
                call(batch)
            number += 1
            bar.update()
    if not number:
        raise ValueError("batches: expected at least one batch, got none. Was the iterator already used up?")


def _replace(chosen: list[Layer], sums: Sums, before: Snapshot, asked_for: bool) -> list[Recalibrated]:
    new: list[tuple[tf.Variable, np.ndarray]] = []
    results = []
    for layer in chosen:
        inputs = sums.of(layer)
        if inputs is None or not inputs.pooled.samples:
            if asked_for:
                raise ValueError(
                    f"layers: expected layers that see batches in training, got {layer.scope}, which does not. Does "
                    "`call` pass is_training=True?"
                )
            continue
        values = pooled.values_of(layer.scope, inputs.pooled, layer.variables, inputs.unbiased, inputs.epsilon)
        new += [(layer.variables[name], value) for name, value in values.items()]
        old = {name: before.values[id(layer.variables[name])] for name in values}
        results.append(pooled.compare(layer.scope, inputs.pooled.samples, old, values))
    if not results:
        raise ValueError(
            "call: expected a call in which some layer trains on some sample, got none. Does it pass is_training=True?"
        )
    _assign(new)
    return results


def _assign(values: Iterable[tuple[tf.Variable, Any]]) -> None:
    for variable, value in values:
        variable.assign(np.reshape(value, tuple(variable.shape)).astype(tf.as_dtype(variable.dtype).as_numpy_dtype))


class Snapshot:
    """The statistics of layers as they are before a pass."""

    def __init__(self, layers: list[Layer]) -> None:
        self._layers = layers
        self.values = {id(variable): _value(variable) for layer in layers for variable in layer.variables.values()}

    def _changed(self) -> Iterator[tuple[Layer, str]]:
        for layer in self._layers:
            for name, variable in layer.variables.items():
                # By bits, so that NaN equals itself.
                if _value(variable).tobytes() != self.values[id(variable)].tobytes():
                    yield layer, name

    def check_unchanged(self) -> None:
        for layer, name in self._changed():
            raise RuntimeError(
                f"{layer.scope}: expected statistics that nothing else updates during the pass, but {name} has "
                "changed. A graph has updated it where no call can be observed: that of a tf.function in another "
                "thread, or of a ConcreteFunction or a tf.data pipeline in `call`. Stop that thread; call the module "
                "or the tf.function itself. All statistics are as they were."
            )

    def restore(self) -> None:
        variables = [layer.variables[name] for layer, name in self._changed()]
        _assign([(variable, self.values[id(variable)]) for variable in variables])


def _value(variable: tf.Variable) -> np.ndarray:
    return np.asarray(variable.numpy())


class _Inputs:
    """The pooled inputs of a layer."""

    def __init__(self, settings: Settings) -> None:
        self.pooled = Pooled()
        self.unbiased, self.epsilon = settings.unbiased, settings.epsilon


class Sums:
    """The pooled inputs of each layer, collected through `observation.observing`."""

    def __init__(self) -> None:
        self._inputs: dict[int, _Inputs] = {}  # by the id of moving_mean
        self._closed = False
        self._lock = threading.Lock()

    def add(self, call: observation.TrainingCall) -> None:
        inputs = self._inputs.setdefault(id(call.state.moving_mean), _Inputs(call.settings))

        def pool(active: np.ndarray, *summary: np.ndarray) -> None:
            with self._lock:
                if active and not self._closed:
                    inputs.pooled.add(pooled.Summary(*summary))

        # Eager code runs it at once, a graph in each of its runs.
        tf.numpy_function(pool, [tf.convert_to_tensor(call.is_training.value), *pooled.summary_of(call)], [])

    def close(self) -> None:
        """Ends the pass: later calls of other threads do not count."""
        with self._lock:
            self._closed = True

    def of(self, layer: Layer) -> _Inputs | None:
        return self._inputs.get(id(layer.variables["moving_mean"]))


def find_layers(module: tf.Module) -> list[Layer]:
    """The layers of a module; raises ValueError where one has no variables yet, or there is none."""
    if not isinstance(module, tf.Module):
        raise TypeError(f"module: expected a tf.Module, got {type(module).__name__}.")
    layers: list[Layer] = []
    for part in (module, *module.submodules):
        if isinstance(part, BatchNorm):
            if part.moving_mean is None:
                raise ValueError(
                    f"module: expected layers that have been called, got {part.name}, which has no variables yet. Call "
                    "the model once, or restore it, before this."
                )
            state = {name: getattr(part, name) for name in values.State._fields}
            variables = {name: variable for name, variable in state.items() if variable is not None}
            layers.append(Layer(part.moving_mean.name.rpartition("/")[0], variables, part))
        elif isinstance(part, TF1Module):
            layers += _find_tf1_layers(part)
    if not layers:
        raise ValueError(
            f"module: expected one with a tfbn.BatchNorm or a called TF1Module in it, got {module.name}, which has "
            "neither."
        )
    return layers


def _find_tf1_layers(module: TF1Module) -> list[Layer]:
    by_scope: dict[str, dict[str, tf.Variable]] = {}
    for name, variable in module.tf1_variables.items():
        scope, _, short = name.rpartition("/")
        if short in values.State._fields:
            by_scope.setdefault(scope, {})[short] = variable
    for scope, variables in by_scope.items():
        # Zero debias has its variables under the full name of the mean, within the layer's scope.
        variables.update(by_scope.get(f"{scope}/{scope}/moving_mean", {}))
    return [
        Layer(scope, variables, module)
        for scope, variables in by_scope.items()
        if all(name in variables for name in pooled.STATISTICS)
    ]


def select(all_layers: list[Layer], layers: Any) -> list[Layer]:
    """The layers that the argument `layers` selects."""
    if layers is None:
        return all_layers
    selectors = [layers] if isinstance(layers, (str, BatchNorm)) else list(layers)
    chosen: list[Layer] = []
    for selector in selectors:
        if isinstance(selector, str):
            matching = [layer for layer in all_layers if pooled.under(layer.scope, selector)]
        else:
            matching = [layer for layer in all_layers if layer.module is selector]
        if not matching:
            known = ", ".join(layer.scope for layer in all_layers)
            raise ValueError(f"layers: expected layers of the module, got {selector!r}. There are: {known}.")
        chosen += [layer for layer in matching if layer not in chosen]
    return chosen

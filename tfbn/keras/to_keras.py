"""`to_keras`: a module, or arrays, as a layer of Keras."""

from __future__ import annotations

import inspect
import numbers
from collections.abc import Collection, Sequence
from typing import Any

import tensorflow as tf

from tfbn.arguments import checks
from tfbn.core import normalization
from tfbn.keras import weights
from tfbn.keras.arguments import arguments_of, module_of_arrays
from tfbn.keras.from_keras import from_keras
from tfbn.keras.generation import Generation, generation_of
from tfbn.module import BatchNorm

# What the Keras layer may do otherwise if `accept` has the name: what it does, and what else there is to do.
DIFFERENCES = {
    "unbiased": (
        "its moving_variance follows variance, this module's variance * n / (n - 1)",
        "BatchNorm(unbiased=False); or Keras 2 with inputs of rank 4 or 5, where its fused kernel follows the same",
    ),
    "adjustment": ("it has no adjustment", "norm.adjustment = None; or Keras 2, which does not save it, though"),
    "zero_debias_moving_mean": (
        "its moving_mean does not correct for a start at zero",
        "accept it once the average has settled: the layer goes on from the corrected one",
    ),
    "virtual_batch_size": ("it normalizes whole batches", "Keras 2"),
    "renorm": ("it has no batch renormalization", "Keras 2, or a Keras 3 that has the argument renorm"),
    "synchronized": (
        "each replica normalizes by its own batch",
        "a module without renorm, virtual batches and adjustment, which Keras does not synchronize",
    ),
    "trainable": (
        "it trains and normalizes by the batch, or does neither: the module's `trainable` and `frozen` say otherwise",
        "norm.frozen = not norm.trainable, to do as Keras; or norm.trainable = not norm.frozen",
    ),
    "update_statistics": (
        "its statistics move whenever it normalizes by the batch",
        "norm.update_statistics = True; or norm.frozen = True and norm.trainable = False",
    ),
    "param_dtype": ("its weights are of another dtype", "another dtype of the layer; Keras 2 has no half precision"),
}


def to_keras(
    norm: Any,
    input_shape: Sequence[int | None],
    *,
    keras: Any = None,
    accept: Collection[str] = (),
    dtype: Any = None,
    name: str | None = None,
    **config: Any,
) -> Any:
    """A built Keras BatchNormalization layer with the configuration and the weights of a module, or of arrays.

    Called with `training` where the module is called with `is_training`, it gives equal outputs, and its moving
    statistics are equal after steps. Where Keras cannot do as the module does the call is refused, unless `accept`
    names the difference. Differences are in training alone, but for what narrower weights round. `tfbn.keras.wrap` has
    none.

    Keras 2 does not save `fused` and `adjustment`. A layer that it loads follows the estimator of its fused kernel for
    ranks 4 and 5, whatever this one does.

    Args:
      norm: tfbn.BatchNorm with variables; or arrays of shape [C] by the names `beta`, `gamma`, `moving_mean`,
        `moving_variance` and so on, whatever stands before the last slash; or a pair of functional.Params and State.
      input_shape: of the layer's inputs, None where a size is open; its rank decides on the estimator.
      keras: the Keras to make the layer with: `keras`, `tf_keras` or `tf.keras`, the default.
      accept: differences that are all right: names of arguments, 'unbiased', 'adjustment', 'zero_debias_moving_mean',
        'virtual_batch_size', 'renorm', 'synchronized', 'trainable', 'update_statistics', 'param_dtype'.
      dtype: the layer's dtype or policy, such as 'mixed_float16'. Default: that of the variables.
      name: the layer's. Default: Keras makes one up.
      **config: for arrays, arguments of tfbn.BatchNorm that they do not tell, such as decay, epsilon or data_format.

    Returns:
      A layer with weights of its own.

    Raises:
      ValueError: what Keras cannot express and `accept` does not name, with what to do; a decay or a bound that is no
        number; a module without variables; arrays that are missing or unknown.
      TypeError: `norm` of another type; `config` with a module.

    Example:
      >>> import numpy as np, tfbn
      >>> norm = tfbn.BatchNorm(2, decay=0.5, unbiased=False)
      >>> layer = tfbn.keras.to_keras(norm, [None, 2])
      >>> inputs = np.array([[1.0, 5.0], [3.0, 5.0]], "float32")
      >>> print(np.allclose(layer(inputs, training=True), norm(inputs)), layer.moving_mean.numpy())
      True [1.  2.5]
    """
    checks.check_no_tf1_graph("to_keras")
    _check_accept(accept)
    if not isinstance(norm, BatchNorm):
        norm = module_of_arrays(norm, **config)
    elif config:
        raise TypeError(f"config: expected none with a module, which has its own, got {sorted(config)}. Leave it out.")
    if norm.moving_mean is None:
        raise ValueError(
            "norm: expected a module with variables, got one before its first call. BatchNorm(channels=...)."
        )
    found = generation_of(keras)
    if dtype is None:
        # Keras 2 keeps no weights in half precision, whatever its layer computes in.
        own = norm.moving_mean.dtype
        dtype = (own if found.major >= 3 else normalization.compute_dtype(own)).name
    spec = tf.TensorSpec(input_shape, _compute_dtype(dtype))
    layer = found.layer(**_arguments_of_keras(norm, spec, found), dtype=dtype, name=name)
    layer.build(tuple(spec.shape.as_list()))
    # The layer read back is what Keras does of what it was asked for.
    wanted, got = _meaning(norm, spec), _meaning(from_keras(layer), spec)
    _refuse([name for name in wanted if wanted[name] != got[name] and name not in accept], found)
    weights.assign(layer, weights.arrays_of(norm))
    return layer


def _compute_dtype(dtype: Any) -> tf.DType:
    """As far as it matters: float64 has no fused kernel."""
    return tf.float64 if "float64" in str(getattr(dtype, "name", dtype)) else tf.float32


def _arguments_of_keras(norm: BatchNorm, spec: tf.TensorSpec, found: Generation) -> dict[str, Any]:
    given = arguments_of(norm)
    axes = norm._axes(spec)
    options, rule = norm._plan(spec, axes, False)
    rank = spec.shape.rank
    taken: dict[str, Any] = {
        "axis": -1 if axes[0] == rank - 1 else axes[0],
        "momentum": _number("decay", rule.decay),
        "epsilon": options.epsilon,
        "center": given["center"],
        "scale": given["scale"],
        "trainable": given["trainable"] and not given["frozen"],
    }
    for name in weights.INITIALIZED:
        taken[f"{name}_initializer"] = given["param_initializers"].get(name) or _DEFAULTS[name]
    for name in weights.AFFINE:
        taken[f"{name}_regularizer"] = given["param_regularizers"].get(name)
        taken[f"{name}_constraint"] = given["param_constraints"].get(name)
    renorm = given["renorm"] and (found.major == 2 or "renorm" in inspect.signature(found.layer.__init__).parameters)
    if renorm:
        bounds = {key: _number(f"renorm_clipping[{key!r}]", value) for key, value in _clipping(norm).items()}
        taken.update(renorm=True, renorm_clipping=bounds, renorm_momentum=_number("renorm_decay", rule.renorm_decay))
    if given["synchronized"] and not (given["renorm"] or given["virtual_batch_size"] or given["adjustment"]):
        taken["synchronized"] = True
    if found.major == 2:
        taken.update(virtual_batch_size=given["virtual_batch_size"], adjustment=given["adjustment"])
        plain = not (renorm or given["virtual_batch_size"] or given["adjustment"])
        fusible = plain and rank in (4, 5) and axes[0] in (1, rank - 1) and spec.dtype != tf.float64
        if fusible and not (options.unbiased or given["synchronized"]):
            taken["fused"] = False
    return taken


_DEFAULTS = {"beta": "zeros", "gamma": "ones", "moving_mean": "zeros", "moving_variance": "ones"}


def _clipping(norm: BatchNorm) -> dict[str, Any]:
    return {key: value for key, value in (norm.renorm_clipping or {}).items() if value is not None}


def _number(name: str, value: Any) -> float:
    if isinstance(value, numbers.Real):
        return float(value)
    raise ValueError(
        f"{name}: expected a number, which is what Keras keeps, got {value!r}. Set the module's attribute to one "
        "first, or keep what it is with tfbn.keras.wrap."
    )


def _meaning(norm: BatchNorm, spec: tf.TensorSpec) -> dict[str, Any]:
    """What a module does to inputs of this shape, such that modules that do the same have equal ones."""
    given = arguments_of(norm)
    options, _ = norm._plan(spec, norm._axes(spec), False)
    updating = checks.static_is_training(norm.update_statistics, "update_statistics")
    names = ("adjustment", "zero_debias_moving_mean", "virtual_batch_size", "renorm", "synchronized")
    return {
        # The averages of renorm follow the deviation of the variance as it is.
        "unbiased": options.unbiased and not given["renorm"],
        **{name: given[name] for name in names},
        "update_statistics": norm.frozen or updating,
        "trainable": (norm.trainable, norm.frozen),
        "param_dtype": norm.moving_mean.dtype,
    }


def _check_accept(accept: Collection[str]) -> None:
    unknown = [accept] if isinstance(accept, str) else sorted(set(accept) - set(DIFFERENCES))
    if unknown:
        raise ValueError(f"accept: expected a list of names out of {sorted(DIFFERENCES)}, got {unknown}.")


def _refuse(names: list[str], found: Generation) -> None:
    if not names:
        return
    lines = [f"- {name}: {DIFFERENCES[name][0]}. Choices: {DIFFERENCES[name][1]}." for name in names]
    raise ValueError(
        f"norm: the BatchNormalization of {found.title} cannot express all of it:\n"
        + "\n".join(lines)
        + f"\nOr accept={names}: what the layer then does otherwise, it does in training alone. Or keep it all: "
        "tfbn.keras.wrap."
    )

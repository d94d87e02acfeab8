"""The layer that puts tfbn.BatchNorm into a Keras Model: its variables are the layer's own weights."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfbn import functional
from tfbn.keras import weights
from tfbn.keras.arguments import NAMES, arguments_of
from tfbn.keras.generation import Generation, generation_of
from tfbn.module import BatchNorm

# What Keras itself knows of a layer, or finds out.
KERAS_OWN = ("channels", "trainable", "param_dtype", "name")
ARGUMENTS = tuple(name for name in NAMES if name not in KERAS_OWN)
# Read anew in each call, or trace.
SETTABLE = ("decay", "renorm_decay", "renorm_clipping", "adjustment", "update_statistics", "frozen")
OF_KERAS = {"param_initializers": "initializers", "param_regularizers": "regularizers"}
OF_KERAS["param_constraints"] = "constraints"


class _Module(BatchNorm):
    """The module, with variables that a Keras layer makes and sees."""

    def __init__(self, add_weight: Callable[[str, tf.Tensor], Any], **given: Any) -> None:
        super().__init__(**given)
        self._add_weight = add_weight

    @property
    def name_scope(self) -> Any:
        """None of its own: the layer's."""
        return contextlib.nullcontext()

    def create(self, channels: int) -> None:
        self._create(channels, tf.float32)

    def _variable(self, name: str, value: tf.Tensor) -> Any:
        return self._add_weight(name, value)

    def _assign(self, after: functional.State) -> None:
        for name, value in after._asdict().items():
            if value is not None:
                getattr(self, name).assign(value)


def layer_class(keras: Any = None) -> Any:
    """The class of the layer that is tfbn.BatchNorm in a Keras Model; `tfbn.keras.BatchNorm` is that for `tf.keras`.

    The layer computes what the module computes, in all that Keras has no layer for: weighted and masked statistics,
    zero debias, adjustments, virtual batches, the corrected variance. It trains with fit, saves and loads (.keras, HDF5
    and TensorFlow's checkpoints), has its regularizers' losses in `losses`, and works under every dtype policy and in
    functions that XLA compiles. To load a model in a new process, make the class first: it registers itself.

    `trainable` is TF1's: False takes beta and gamma from the trainable weights, and the statistics go on normalizing
    and moving. `frozen=True` is what Keras' own layer does in addition: moving statistics in training too.

    The class takes, by name, the arguments of tfbn.BatchNorm but `channels` and `param_dtype`, and those of a Keras
    layer: `name`, `trainable`, `dtype`. Initializers, regularizers and constraints may be names or objects of Keras. An
    adjustment is saved by the name it is registered under with keras.utils.register_keras_serializable, and variables
    as the number they are.

    Layers are called with inputs, `training`, and as the module with `mask`, `batch_weights`, `update_statistics`. A
    mask is that of the inputs where none is given, counts in the statistics, and goes on to the next layer. The
    attributes are the module's; decay, renorm_decay, renorm_clipping, adjustment, update_statistics and frozen may be
    set.

    Args:
      keras: `keras`, `tf_keras` or `tf.keras`, the default. Of Keras 3 the TensorFlow backend.

    Returns:
      A subclass of keras.layers.Layer, the same one for every call.

    Raises:
      ImportError: no Keras.
      RuntimeError: Keras 3 on another backend.

    Example:
      >>> import numpy as np, tensorflow as tf, tfbn
      >>> model = tf.keras.Sequential([tfbn.keras.BatchNorm(decay=0.5, scale=True)])
      >>> model.compile("sgd", "mse")
      >>> inputs = np.array([[1.0, 5.0], [3.0, 5.0]], "float32")
      >>> history = model.fit(inputs, np.zeros_like(inputs), verbose=0)
      >>> print(model.layers[-1].moving_mean.numpy(), len(model.trainable_variables))
      [1.  2.5] 2
    """
    found = generation_of(keras)
    if found.package not in _CLASSES:
        _CLASSES[found.package] = _make(found)
    return _CLASSES[found.package]


_CLASSES: dict[str, Any] = {}


def wrap(norm: BatchNorm, *, keras: Any = None, dtype: Any = None, name: str | None = None) -> Any:
    """A layer, of the class that `layer_class` makes, with the arguments of a module and copies of its variables.

    Args:
      norm: tfbn.BatchNorm; without variables the layer is not built yet.
      keras: as in `layer_class`.
      dtype: the layer's dtype or policy. Default: the dtype of the variables, if there are any.
      name: the layer's. Default: Keras makes one up.

    Returns:
      The layer.

    Example:
      >>> import numpy as np, tfbn
      >>> norm = tfbn.BatchNorm(2, zero_debias_moving_mean=True)
      >>> layer = tfbn.keras.wrap(norm)
      >>> inputs = np.array([[1.0, 5.0], [3.0, 5.0]], "float32")
      >>> print(np.allclose(layer(inputs, training=True), norm(inputs)), layer.moving_mean.numpy())
      True [2. 5.]
    """
    if not isinstance(norm, BatchNorm):
        raise TypeError(f"norm: expected a tfbn.BatchNorm, got {norm!r}. For arrays there is tfbn.keras.to_keras.")
    given = arguments_of(norm)
    channels, built = given["channels"], norm.moving_mean is not None
    if dtype is None and built:
        dtype = norm.moving_mean.dtype.name
    arguments = {name: given[name] for name in ARGUMENTS}
    layer = layer_class(keras)(**arguments, trainable=norm.trainable, dtype=dtype, name=name)
    if built:
        layer.build(_some_shape(given["axis"], given["data_format"], channels))
        weights.assign(layer, weights.arrays_of(norm))
    return layer


def _some_shape(axis: int | None, data_format: str, channels: int) -> tuple[int | None, ...]:
    """The least shape with channels on this axis."""
    if axis is None:
        axis = 1 if data_format == "NCHW" else -1
    rest = (None,) * max(axis if axis >= 0 else -axis - 1, 1)
    return (channels, *rest) if axis < -1 or axis == 0 else (*rest, channels)


def _make(found: Generation) -> Any:
    class BatchNorm(_Layer, found.api.layers.Layer):  # type: ignore[name-defined]
        __doc__ = (layer_class.__doc__ or "").partition("\n\n")[2].partition("    Args:")[0]
        generation = found

    return found.api.utils.register_keras_serializable(package="tfbn")(BatchNorm)


class _Hidden:
    """The module, out of sight: Keras 2 takes the variables of a tf.Module that it sees for more weights."""

    def __init__(self, module: _Module) -> None:
        self.module = module


class _Layer:
    """What the layer has beside the Layer of its Keras."""

    generation: Generation

    def __init__(self, **arguments: Any) -> None:
        given = {name: arguments.pop(name) for name in ARGUMENTS if name in arguments}
        needless = sorted({"channels", "param_dtype"} & set(arguments))
        if needless:
            raise TypeError(
                f"{needless}: expected neither channels nor param_dtype. The layer takes them from its inputs and from "
                "its dtype policy, such as dtype='float64'."
            )
        super().__init__(**arguments)
        self.supports_masking = True
        for name, kind in OF_KERAS.items():
            get = getattr(self.generation.api, kind).get
            given[name] = {key: get(value) for key, value in (given.get(name) or {}).items() if value is not None}
        if isinstance(given.get("adjustment"), str):
            given["adjustment"] = _registered(given["adjustment"], self.generation.api)
        wide = functional.compute_dtype(tf.as_dtype(self.variable_dtype))  # type: ignore[attr-defined]
        self._hidden = _Hidden(_Module(self._new_weight, **given, param_dtype=wide))

    def __setattr__(self, name: str, value: Any) -> None:
        if name in SETTABLE:
            # Past Keras 2, which would take a variable for a weight.
            setattr(self._hidden.module, name, value)
        else:
            super().__setattr__(name, value)

    def build(self, input_shape: Any) -> None:
        module, spec = self._hidden.module, tf.TensorSpec(input_shape)
        module.create(spec.shape.as_list()[module._axes(spec)[0]])
        for name in weights.NAMES:
            setattr(self, name, getattr(module, name))
        super().build(input_shape)  # type: ignore[misc]

    def call(
        self,
        inputs: Any,
        training: Any = None,
        mask: Any = None,
        batch_weights: Any = None,
        update_statistics: Any = None,
    ) -> tf.Tensor:
        inputs = tf.cast(inputs, self.compute_dtype)  # type: ignore[attr-defined]
        return self._hidden.module(
            inputs,
            False if training is None else training,
            update_statistics=update_statistics,
            mask=mask,
            batch_weights=batch_weights,
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        given = arguments_of(self._hidden.module)
        api = self.generation.api
        config = {name: _plain(name, given[name], api) for name in ARGUMENTS}
        return {**super().get_config(), **config}  # type: ignore[misc]

    def _new_weight(self, name: str, value: tf.Tensor) -> Any:
        given, major = self._hidden.module._given, self.generation.major
        common = {
            "name": name,
            "shape": tuple(value.shape),
            "dtype": value.dtype.name,
            "initializer": lambda shape, dtype=None, **_: value,
            "trainable": name in weights.AFFINE,
            "experimental_autocast" if major == 2 else "autocast": False,
        }
        if name in weights.AFFINE:
            return self.add_weight(  # type: ignore[attr-defined]
                **common, regularizer=given.regularizers.get(name), constraint=given.constraints.get(name)
            )
        # Replicas have statistics of their own, and what is saved is the mean.
        if major == 2:
            by = {"synchronization": tf.VariableSynchronization.ON_READ, "aggregation": tf.VariableAggregation.MEAN}
            return self.add_weight(**common, **by)  # type: ignore[attr-defined]
        # Keras 3 takes a variable that a layer sets as an attribute for a weight; its add_weight cannot say when to
        # aggregate, and early versions cannot at all.
        known = inspect.signature(self.generation.api.Variable.__init__).parameters
        asked = {"synchronization": "on_read", "aggregation": "mean"}
        return self.generation.api.Variable(**common, **(asked if set(asked) <= set(known) else {}))


def _passed_on(name: str) -> property:
    return property(lambda layer: getattr(layer._hidden.module, name))


for _name in SETTABLE:
    setattr(_Layer, _name, _passed_on(_name))


def _registered(name: str, api: Any) -> Any:
    found = api.utils.get_registered_object(name)
    if found is None:
        raise ValueError(
            f"adjustment: expected the name of a function that Keras knows, got {name!r}. Decorate the function with "
            "keras.utils.register_keras_serializable() before the model is loaded."
        )
    return found


def _plain(name: str, value: Any, api: Any) -> Any:
    """An argument as a config holds it: names, numbers, dicts."""
    if name in OF_KERAS:
        return {key: getattr(api, OF_KERAS[name]).serialize(each) for key, each in value.items()}
    if name == "renorm_clipping" and value is not None:
        return {key: _plain(key, each, api) for key, each in value.items()}
    if name == "adjustment" and value is not None:
        registered = api.utils.get_registered_name(value)
        if api.utils.get_registered_object(registered) is not value:
            raise ValueError(
                f"adjustment: expected a function that Keras knows, to save it by its name, got {value!r}. Decorate it "
                "with keras.utils.register_keras_serializable()."
            )
        return registered
    return np.asarray(value).item() if tf.is_tensor(value) else value

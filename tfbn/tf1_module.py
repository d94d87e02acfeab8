"""TF1-style model code under tf.function: a module that owns the variables of a builder, by their TF1 names.

The builder runs in a separate function graph, which starts out empty like a TF1 graph: without collections, variables
and scope names. TensorFlow's naming and reuse rules then give each trace the names of the first, and a variable creator
looks up existing variables by name. tf.function runs the updates, whatever collection they are in, because it runs all
ops that assign variables, in program order.
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from tfbn import _tensorflow
from tfbn.core import observation
from tfbn.tf1_checkpoint import prefix_of, restore, save

_keys = tf.compat.v1.GraphKeys


class TF1Module(tf.Module):
    """Turns a function that builds a TF1 model into a tf.Module, for eager code and tf.function.

    The builder may use get_variable, variable scopes, arg_scope, `batch_norm`, `batch_normalization` and regularizers,
    and needs no change. Variables are created in the first call and found by name in all others. Whatever
    updates_collections is, a call updates the moving statistics once, in program order: if two calls of a layer share
    variables, the second update applies to the result of the first. A collection other than UPDATE_OPS gives a warning.
    Within a call collections, default scope names and reuse are those of a fresh graph.

    Args:
      builder: function of tensors, nests of tensors and Python values that returns a tensor or a nest of tensors. It is
        traced as tf.function traces: again for each new structure, dtype, rank or Python value, such as is_training
        True after False; not for new values of tensors, such as a boolean tensor is_training. Its Python side effects
        happen once per trace.
      name: name of the module. Default: from the class.
      reduce_retracing: whether sizes that differ between calls, such as the batch size, become unknown when a second
        one is seen, so that a third is not traced. False traces each shape separately, for builders that need the
        sizes. Default True.

    Attributes:
      tf1_variables: dict from TF1 name to variable, of all variables created so far; partitions count as variables.
      variables, trainable_variables, non_trainable_variables: as of every tf.Module.

    `tf.train.Checkpoint(model=module)` saves and restores by object, also before the first call; `save` and `restore`
    by TF1 names. To export, pass tf.saved_model.save a tf.function that calls the module as its signature.

    Limits: variables are resource variables outside of any graph, whose `op` has a name and nothing to run; caching
    devices are not used; no deep copies, and no strategies of several replicas.

    Raises:
      TypeError: a builder that is not callable.
      ValueError, at a call: what the builder raises; a variable of another shape or dtype than it has; an initial value
        that depends on the inputs; a placeholder in the builder.
      RuntimeError, at a call, `save` or `restore`: in a TF1 graph, where the builder itself can be called. At a call:
        in a tf.distribute strategy of several replicas.

    Example:
      >>> import tensorflow as tf, tfbn
      >>> def builder(images, is_training):
      ...     with tf.compat.v1.variable_scope("net"):
      ...         return tfbn.batch_norm(images, decay=0.5, is_training=is_training)
      >>> model = tfbn.TF1Module(builder)
      >>> outputs = model(tf.fill([4, 8, 8, 3], 6.0), is_training=True)
      >>> for name, variable in model.tf1_variables.items():
      ...     print(name, variable.numpy())
      net/BatchNorm/beta [0. 0. 0.]
      net/BatchNorm/moving_mean [3. 3. 3.]
      net/BatchNorm/moving_variance [0.5 0.5 0.5]
    """

    def __init__(self, builder: Callable, name: str | None = None, reduce_retracing: bool = True) -> None:
        if not callable(builder):
            raise TypeError(
                f"builder: expected a function that builds the model, got {builder!r}. Pass the function itself, and "
                "its inputs to the module."
            )
        super().__init__(name=name)
        self.tf1_variables: dict[str, tf.Variable] = {}
        self._untracked = _Untracked(builder, self._trace, reduce_retracing)

    @tf.autograph.experimental.do_not_convert
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The builder's results for these arguments, as tensors."""
        function = self._function()
        observer = observation.find_observer(self.tf1_variables.values())
        if observer is not None:
            function = self._untracked.observed_by(observer)
        # Run as Python code, it would build no graph.
        with _tensorflow.functions_run_as_graphs():
            return function(args, kwargs)

    def build(self, *args: Any, **kwargs: Any) -> None:
        """Creates the variables that a call with these arguments, or tf.TensorSpecs for tensors, would create."""
        self._function().get_concrete_function(args, kwargs)

    @property
    def losses(self) -> list[tf.Tensor]:
        """The regularization losses of the builder as last traced, computed from the current variables.

        Read it where the gradient is taken: under the tape, in the tf.function. Losses that also depend on the inputs
        are not included; return those from the builder.
        """
        untracked = self._untracked
        if untracked.specs is None:
            raise ValueError(
                "losses: expected a module that was called, got one that was not, whose regularizers are unknown. "
                "Call it or `build` it first."
            )
        if untracked.losses is None:
            with tf.init_scope():
                untracked.losses = self._make_losses(*untracked.specs)
        return list(untracked.losses())

    def save(self, path: str) -> str:
        """Saves the variables by their TF1 names, for tf.compat.v1.train.Saver in a graph, or `restore`.

        As in TF1, local variables are left out.

        Args:
          path: prefix of the checkpoint's files; a missing folder is created.

        Returns:
          The prefix.

        Raises:
          ValueError: no variables, because the module was never called.
        """
        _check_eager()
        return save(self._saved(self.tf1_variables), path)

    def restore(self, path: str, partial: bool = False) -> None:
        """Restores the variables by name from a checkpoint of TF1 or of `save`.

        Variables that a later call creates are restored when they are created.

        Args:
          path: prefix of the checkpoint's files, or a folder for the latest in it.
          partial: whether variables that the checkpoint lacks may keep their values. Default False.

        Raises:
          ValueError: variables that the checkpoint lacks, or has with another shape or dtype; no variable is changed
            then. For variables created later, in that call. A folder without a checkpoint.
          FileNotFoundError: no checkpoint of that prefix.
        """
        _check_eager()
        path = prefix_of(path)
        restore(self._saved(self.tf1_variables), path, partial)
        self._untracked.restored = path, partial

    def __deepcopy__(self, memo: Any) -> Any:
        raise TypeError(
            "TF1Module: expected another TF1Module of the builder for separate variables, got a deep copy. Copy the "
            "values with `save` and `restore`."
        )

    def _function(self) -> Any:
        _check_eager()
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        if replicas > 1:
            raise RuntimeError(
                f"TF1Module: expected no more than one replica, got a strategy of {replicas}, all of which would "
                "update the same variables. Use tfbn.BatchNorm, which has statistics for each replica."
            )
        # A function compiled as a whole gets other kernels, and tf.function would not retrace for it.
        compiled = _tensorflow.compiled_by_xla()
        return self._untracked.compiled if compiled else self._untracked.plain

    def _trace(self, args: tuple, kwargs: dict[str, Any]) -> Any:
        graph = tf.compat.v1.get_default_graph()
        before = len(graph.get_operations())
        with self._as_new_graph():
            try:
                outputs = self._untracked.builder(*args, **kwargs)
            except AttributeError as error:
                if not re.search(r"'(int|NoneType)' object has no attribute 'value'", str(error)):
                    raise
                raise AttributeError(f"{error}. {_SIZES_ADVICE}") from error
            _check_fed(graph, before, outputs)
        self._untracked.specs = tf.nest.map_structure(
            lambda leaf: tf.type_spec_from_value(leaf) if tf.is_tensor(leaf) else leaf, (args, kwargs)
        )
        self._untracked.losses = None
        return outputs

    @contextlib.contextmanager
    def _as_new_graph(self) -> Iterator[None]:
        """Makes the function graph being built start empty, with this module's variables."""
        created: dict[str, tf.Variable] = {}
        _tensorflow.forget_collections()
        _tensorflow.keep_variables()
        with tf.variable_creator_scope(lambda _, **arguments: self._get_or_create(created, **arguments)):
            yield
        # A failed trace must leave no variable, nor one that the checkpoint lacks: the next call would reuse it.
        with tf.init_scope():
            if created and self._untracked.restored is not None:
                restore(self._saved(created), *self._untracked.restored)
            for name, variable in created.items():
                self.tf1_variables[name] = variable

    def _get_or_create(
        self,
        created: dict[str, tf.Variable],
        name: str | None = None,
        collections: Any = None,
        trainable: bool | None = None,
        synchronization: Any = tf.VariableSynchronization.AUTO,
        **arguments: Any,
    ) -> tf.Variable:
        # The name that a graph would give: unique, and with the enclosing scopes.
        with tf.compat.v1.name_scope(name, "Variable") as scope:
            full_name = scope.rstrip("/")
        if trainable is None:
            trainable = synchronization != tf.VariableSynchronization.ON_READ
        collections = list(collections or [_keys.GLOBAL_VARIABLES])
        variable = self.tf1_variables.get(full_name, created.get(full_name))
        if variable is None:
            variable = _create(full_name, trainable=trainable, synchronization=synchronization, **arguments)
            created[full_name] = variable
            if _keys.GLOBAL_VARIABLES not in collections:
                self._untracked.local.add(full_name)
        else:
            _check_same(full_name, variable, arguments)
        tf.compat.v1.add_to_collections([*collections, *([_keys.TRAINABLE_VARIABLES] if trainable else [])], variable)
        return variable

    def _saved(self, variables: dict[str, tf.Variable]) -> dict[str, tf.Variable]:
        return {name: variable for name, variable in variables.items() if name not in self._untracked.local}

    def _make_losses(self, args: tuple, kwargs: dict[str, Any]) -> Callable[[], list[tf.Tensor]]:
        """A function that computes the losses from the variables alone."""
        specs = [leaf for leaf in tf.nest.flatten((args, kwargs)) if isinstance(leaf, tf.TypeSpec)]

        def build(*tensors: Any) -> list[tf.Tensor]:
            rest = iter(tensors)
            build_args, build_kwargs = tf.nest.map_structure(
                lambda leaf: next(rest) if isinstance(leaf, tf.TypeSpec) else leaf, (args, kwargs)
            )
            with self._as_new_graph():
                self._untracked.builder(*build_args, **build_kwargs)
            return [tf.convert_to_tensor(loss) for loss in tf.compat.v1.get_collection(_keys.REGULARIZATION_LOSSES)]

        # Unlike tf.function, it runs only what the fetches need: no updates, and nothing that takes the inputs.
        whole = tf.compat.v1.wrap_function(build, specs)
        captured = {id(tensor) for _, tensor in whole.graph.captures}
        inputs = {tensor.op.name for tensor in whole.inputs if id(tensor) not in captured}
        losses = [loss for loss in whole.outputs if not _ancestors([loss.op]) & inputs]
        return whole.prune([], losses) if losses else list


class _Untracked:
    """The attributes of a module that are for neither checkpoints nor SavedModels."""

    def __init__(self, builder: Callable, trace: Callable, reduce_retracing: bool) -> None:
        # Two arguments: tf.function does not reduce retracing where the number of arguments varies.
        def traced(args: tuple, kwargs: dict[str, Any]) -> Any:
            return trace(args, kwargs)

        def traced_for_observer(args: tuple, kwargs: dict[str, Any]) -> Any:
            observation.trace_for_observer()
            # tf.functions that the builder calls may have been traced without an observer.
            with _tensorflow.functions_run_eagerly():
                return trace(args, kwargs)

        def new(function: Callable) -> Any:
            return tf.function(function, autograph=False, reduce_retracing=reduce_retracing)

        self.builder = builder
        self.plain, self.compiled = new(traced), new(traced)
        self._new_observed = functools.partial(new, traced_for_observer)
        self._observed: tuple[Any, Any] = (None, None)
        self.specs: Any = None  # of the last trace's arguments: tensors as specs, all else as it is
        self.losses: Callable[[], list[tf.Tensor]] | None = None
        self.restored: tuple[str, bool] | None = None  # the arguments of `restore`
        self.local: set[str] = set()  # the names of variables that a TF1 Saver leaves out

    def observed_by(self, observer: Any) -> Any:
        """The function whose traces report their calls to this observer."""
        known, function = self._observed
        if known is not observer:
            function = self._new_observed()
            self._observed = observer, function
        return function


_SIZES_ADVICE = (
    "If it is shape[i].value, a size is a number in TensorFlow 2. Write shape.as_list()[i], which needs no switch, or "
    "call tf.compat.v1.disable_v2_tensorshape() when the program starts."
)


def _check_fed(graph: Any, before: int, outputs: Any) -> None:
    """Refuses placeholders that the builder's outputs or updates need: a function feeds only its arguments.

    `before` is how many ops there were; the placeholders of captured tensors are TensorFlow's.
    """
    captured = {inner.op.name for _, inner in graph.captures}
    built = graph.get_operations()[before:]
    unfed = {op.name for op in built if op.type == "Placeholder"} - captured
    if not unfed:
        return
    results = [value.op for value in tf.nest.flatten(outputs, expand_composites=True) if tf.is_tensor(value)]
    needed = _ancestors([*results, *(op for op in built if op.op_def.is_stateful)])
    if unfed & needed:
        raise ValueError(
            "TF1Module: expected a builder that takes its inputs as arguments, got one that makes the placeholders "
            f"{sorted(unfed & needed)}, which nothing feeds. Make them arguments of the builder and pass their values "
            "to the module; a switch with a default may stay a tf.compat.v1.placeholder_with_default."
        )


def _check_eager() -> None:
    with tf.init_scope():
        if not tf.executing_eagerly():
            raise RuntimeError(
                "TF1Module: expected eager code or a tf.function, got a TF1 graph, which cannot use this module's "
                "variables. Call the builder itself there, and exchange values by checkpoint."
            )


def _create(name: str, initial_value: Any = None, validate_shape: bool = True, **arguments: Any) -> tf.Variable:
    """A variable that outlives the graph being built."""
    if getattr(initial_value, "graph", None) is not None:
        initial_value = _value(name, initial_value)
    understood = ("trainable", "dtype", "constraint", "synchronization", "aggregation", "shape")
    return _tensorflow.eager_variable(
        initial_value,
        validate_shape=validate_shape,
        name=f"{name}/",  # the full name, whatever the current scope
        **{key: value for key, value in arguments.items() if key in understood},
    )


def _value(name: str, tensor: tf.Tensor) -> Any:
    """The value of a tensor of the graph being built, which no function has run yet."""
    definition = tensor.graph.as_graph_def()
    with tf.init_scope(), tf.Graph().as_default(), tf.compat.v1.Session() as session:
        (copy,) = tf.graph_util.import_graph_def(definition, return_elements=[tensor.name], name="")
        try:
            return session.run(copy)
        except tf.errors.InvalidArgumentError as error:
            raise ValueError(
                f"Variable {name}: expected an initial value that can be computed when the variable is created, got "
                f"{tensor}, which depends on inputs or other variables. Pass a function that returns the value."
            ) from error


def _check_same(name: str, variable: tf.Variable, arguments: dict[str, Any]) -> None:
    initial_value = arguments.get("initial_value")
    shape, dtype = arguments.get("shape"), arguments.get("dtype")
    if shape is None and isinstance(initial_value, functools.partial) and initial_value.args:
        shape = initial_value.args[0]  # of get_variable's initializer
    if shape is None:
        shape = getattr(initial_value, "shape", None)
    shape = tf.TensorShape(shape)
    same_dtype = dtype is None or tf.as_dtype(dtype).base_dtype == variable.dtype
    if not shape.is_compatible_with(variable.shape) or not same_dtype:
        raise ValueError(
            f"Variable {name}: expected the shape {variable.shape} and dtype {variable.dtype.name} that it was created "
            f"with, got a call that asks for shape {shape} and dtype {tf.as_dtype(dtype or variable.dtype).name}. Call "
            "the module with inputs of the same channels and dtype, or create another module of the builder."
        )


def _ancestors(ops: list[tf.Operation]) -> set[str]:
    """The names of the ops that these depend on, their own included."""
    names: set[str] = set()
    ops = list(ops)
    while ops:
        op = ops.pop()
        if op.name not in names:
            names.add(op.name)
            ops += [value.op for value in op.inputs] + list(op.control_inputs)
    return names

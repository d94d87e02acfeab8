"""The only module that touches private TensorFlow API. Each use states its reason, and has a test on every version."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2 as _saved_model
from tensorflow.core.protobuf import tensor_bundle_pb2 as _tensor_bundle
from tensorflow.core.protobuf import trackable_object_graph_pb2 as _object_graph
from tensorflow.python import pywrap_tfe as _pywrap_tfe
from tensorflow.python.eager.polymorphic_function import polymorphic_function as _polymorphic_function
from tensorflow.python.framework import function_def_to_graph as _function_def_to_graph
from tensorflow.python.framework import op_def_registry as _op_def_registry
from tensorflow.python.framework import ops as _ops
from tensorflow.python.ops import control_flow_util as _control_flow_util
from tensorflow.python.ops import resource_variable_ops as _resource_variable_ops
from tensorflow.python.ops import variable_scope as _variable_scope

# The graphs that tf.cond, tf.case and tf.while_loop trace their bodies into under control flow v2. By class name,
# because the classes are private; the graphs of tf.function and wrap_function are not among them.
_BODY_GRAPHS = ("CondBranchFuncGraph", "WhileBodyFuncGraph", "WhileCondFuncGraph")


def stored_variable(name: str) -> Any:
    """The variable that get_variable created under this name in the default graph, or its first part, or None.

    The public way is to provoke get_variable's ValueError.
    """
    store = _variable_scope._get_default_variable_store()._vars
    return store.get(name, store.get(f"{name}/part_0"))


def graph_table(graph: tf.Graph) -> dict[str, Any]:
    """tfbn's records of a graph, kept as long as the graph lives.

    Kept on the graph object: a collection would be exported with the MetaGraph, and a weak table would keep graphs
    alive through the tensors in it.
    """
    if not hasattr(graph, "_tfbn_table"):
        graph._tfbn_table = {}
    return graph._tfbn_table


def forget_collections() -> None:
    """Gives the function graph being built its own collections, variable store and scope names.

    tf.function shares those of the enclosing graph with it, under keys that no public function lists. Only the sharing
    ends: the lists themselves do not change.
    """
    tf.compat.v1.get_default_graph()._collections.clear()


def eager_variable(initial_value: Any, **arguments: Any) -> tf.Variable:
    """A tf.Variable as created outside of the tf.function being traced.

    Even in tf.init_scope, tf.Variable itself goes through that function's creators, which refuse all but those of the
    first call.
    """
    with tf.init_scope():
        return _EagerVariable(initial_value, **arguments)


class _EagerVariable(_resource_variable_ops.ResourceVariable):
    """Has an `op` with the name that it would have in a graph: TF1 code asks for `variable.op.name`."""

    @property
    def op(self) -> Any:
        return _Op(self.name.partition(":")[0])


class _Op(NamedTuple):
    """The part of a variable's op that TF1 code reads."""

    name: str
    type: str = "VarHandleOp"
    graph: Any = None


class Slice(NamedTuple):
    """Where a part of a partitioned variable belongs."""

    name: str  # of the whole
    shape: list[int]  # of the whole
    spec: str  # as SaveV2 and RestoreV2 take it


def slice_of(variable: tf.Variable) -> Slice | None:
    """The SaveSliceInfo of a partitioned variable's part; None for any other. Only the Saver gets it."""
    info = getattr(variable, "_save_slice_info", None)
    return None if info is None else Slice(info.full_name, list(info.full_shape), info.spec)


def in_program_order() -> bool:
    """Whether ops land in a tf.function, which runs reads and assignments of variables in program order.

    Functions of wrap_function do not. There is no public predicate.
    """
    return tf.compat.v1.get_default_graph()._add_control_dependencies


_switch = _polymorphic_function.Function._run_functions_eagerly  # the property behind the public switch
_switch_lock = threading.Lock()
_switch_users = 0


@contextmanager
def functions_run_eagerly() -> Iterator[None]:
    """In this context, tf.functions called by this thread and its replicas run as Python code, even if already traced.

    The public switch, tf.config.run_functions_eagerly, applies to all threads. While any thread is in such a block,
    TensorFlow's reads of that switch first look for a mark on the default graph: even in eager code each thread has its
    own default graph, and replicas have that of the thread that starts them.
    """
    global _switch_users
    table = graph_table(tf.compat.v1.get_default_graph())
    before = table.get("functions run eagerly")
    with _switch_lock:
        _switch_users += 1
        _polymorphic_function.Function._run_functions_eagerly = property(_runs_eagerly)
    table["functions run eagerly"] = True
    try:
        yield
    finally:
        table["functions run eagerly"] = before
        with _switch_lock:
            _switch_users -= 1
            if not _switch_users:
                _polymorphic_function.Function._run_functions_eagerly = _switch


@contextmanager
def functions_run_as_graphs() -> Iterator[None]:
    """In this context, an enclosing `functions_run_eagerly` has no effect."""
    table = graph_table(tf.compat.v1.get_default_graph())
    before = table.get("functions run eagerly")
    table["functions run eagerly"] = False if before else before
    try:
        yield
    finally:
        table["functions run eagerly"] = before


def _runs_eagerly(function: Any) -> bool:
    mark = graph_table(tf.compat.v1.get_default_graph()).get("functions run eagerly")
    return bool(_switch.fget(function) if mark is None else mark)


def replace_input(op: tf.Operation, index: int, tensor: tf.Tensor) -> None:
    """Redirects an input of an existing op, as TensorFlow does to build the back edges of while loops."""
    op._update_input(index, tensor)


def tape_may_record() -> bool:
    """Whether a GradientTape may be recording. There is no public predicate."""
    return tf.executing_eagerly() or not _pywrap_tfe.TFE_Py_TapeSetIsEmpty()


def change_gradients(op: tf.Operation, change: Callable[[list[Any]], list[Any]]) -> None:
    """Makes tf.gradients pass TensorFlow's gradients by the op's inputs through `change`.

    The public way, an override by name, is kept in a MetaGraph, which can then be differentiated only where that name
    is registered. This leaves no trace in a MetaGraph.
    """
    original = _ops.get_gradient_function(op)
    op._gradient_function = lambda op, *grads: change(list(original(op, *grads)))


def in_v2_body() -> bool:
    """Whether the default graph is the body of a control flow v2 op. There is no public predicate."""
    return _is_body(tf.compat.v1.get_default_graph())


def graph_around_bodies() -> tf.Graph:
    """The default graph or, if that is a control flow v2 body, the graph around all such bodies."""
    graph = tf.compat.v1.get_default_graph()
    while _is_body(graph):
        graph = graph.outer_graph
    return graph


def in_tf1_graph() -> bool:
    """Whether ops land in a graph that a session runs, rather than in eager code or a function."""
    return not tf.executing_eagerly() and not graph_around_bodies().building_function


def keep_variables() -> None:
    """Marks the function graph being built as one whose new variables are kept for the next trace."""
    graph_table(tf.compat.v1.get_default_graph())["keeps variables"] = True


def in_plain_function() -> bool:
    """Whether ops land in a tf.function that eager code calls and that does not keep variables of TF1 code.

    False for wrap_function and for the functions of a Dataset, which are traced once, and after `keep_variables`.
    """
    with tf.init_scope():
        eager_outside = tf.executing_eagerly()
    graph = tf.compat.v1.get_default_graph()
    if not eager_outside or not graph.building_function:
        return False
    while graph is not None and graph.building_function:
        traced_once = graph.name.startswith("Dataset_") or not graph._add_control_dependencies
        if traced_once or "keeps variables" in graph_table(graph):
            return False
        graph = graph.outer_graph
    return True


def in_loop_body() -> bool:
    """Whether ops land directly in the body of a loop: not in a branch within it, which an iteration may skip."""
    graph = tf.compat.v1.get_default_graph()
    context = graph._get_control_flow_context()
    return context.IsWhileContext() if context is not None else _is(graph, "WhileBodyFuncGraph")


def loop_context() -> Any:
    """The v1 loop body in the default graph that ops land in; None in a v2 body, which is a separate graph."""
    return tf.compat.v1.get_default_graph()._get_control_flow_context()


def end_iteration_after(ops: Iterable[tf.Operation]) -> None:
    """Makes each iteration of the loop whose body is being built end only after these ops of the body.

    TensorFlow waits in this way for summaries in a v1 body, and for the ops that tf.function orders in a v2 body;
    neither has a public way to wait for other ops.
    """
    graph = tf.compat.v1.get_default_graph()
    if in_v2_body():
        graph.control_outputs.extend(ops)
    else:
        for op in ops:
            # `while_loop` removes them after calling the body.
            graph.add_to_collection(tf.compat.v1.GraphKeys._SUMMARY_COLLECTION, op)


def take_into_branch(tensors: Iterable[tf.Tensor]) -> None:
    """Lets ops of the v1 branch being built use these tensors, outputs of one side of a Switch, directly.

    For any other tensor from outside, the branch adds a Switch. TensorFlow itself records in this way what enclosing
    branches have already taken in.
    """
    context = tf.compat.v1.get_default_graph()._get_control_flow_context()
    for tensor in tensors:
        context._values.add(tensor.name)
        context._external_values[tensor.name] = tensor


def _is_body(graph: tf.Graph) -> bool:
    return _is(graph, *_BODY_GRAPHS)


def _is(graph: tf.Graph, *classes: str) -> bool:
    return any(cls.__name__ in classes for cls in type(graph).__mro__)


def in_v1_body() -> bool:
    """Whether ops land in a branch of a v1 cond or in a v1 while loop, where Session.run cannot fetch them."""
    context = tf.compat.v1.get_default_graph()._get_control_flow_context()
    while context is not None:
        if context.IsCondContext() or context.IsWhileContext():
            return True
        context = context.outer_context
    return False


def compiled_by_xla() -> bool:
    """Whether ops land where XLA is known to compile them: jit_compile, jit_scope, xla.compile, set_jit.

    There is no public predicate. XLA requested by session options or an environment variable is not visible here.
    """
    graph = tf.compat.v1.get_default_graph()
    if compiled_whole() or tf.config.optimizer.get_jit():
        return True
    while graph is not None:
        mark = graph._attr_scope_map.get("_XlaCompile")
        # A callable decides op by op, and may say yes.
        if mark is not None and (callable(mark) or mark.b):
            return True
        graph = getattr(graph, "outer_graph", None)
    return False


def compiled_whole() -> bool:
    """Whether ops land in a function that XLA compiles as a whole (jit_compile, xla.compile), or not at all."""
    return _control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())


def mask_from_keras(tensor: Any) -> Any:
    """The mask that a Keras layer attached to its output and that Keras passes on as the argument `mask`, or None."""
    return getattr(tensor, "_keras_mask", None)


def set_trainable(variable: Any, trainable: bool) -> None:
    """Sets whether tapes watch a variable and modules list it as trainable.

    Publicly this is fixed at the variable's creation, and parent modules ask each variable rather than its module.
    """
    # A distributed variable asks its first part.
    for part in getattr(variable, "_values", (variable,)):
        part._trainable = trainable


def graph_of_replica() -> tf.Graph | None:
    """The graph in which strategy.run started the current replica function; None where that is not known.

    By the same test TensorFlow refuses a collective in any other graph, such as that of a loop body or a tf.function.
    """
    return getattr(threading.current_thread(), "graph", None)


def in_vectorized_map() -> bool:
    """Whether ops land in the body of tf.vectorized_map, which is built in the enclosing graph and converted later.

    The only sign is its name scope, whose first op is the number of the iteration.
    """
    if tf.executing_eagerly():
        return False
    graph = tf.compat.v1.get_default_graph()
    scopes = graph.get_name_scope().split("/")
    for length, scope in enumerate(scopes, 1):
        if scope.startswith("loop_body"):
            with suppress(KeyError):
                first = graph.get_operation_by_name("/".join([*scopes[:length], "PlaceholderWithDefault"]))
                return bool(first.outputs[0].dtype == tf.int32 and first.outputs[0].shape == [])
    return False


def function_to_graph_def(function_def: Any) -> tuple[Any, dict[str, str]]:
    """A function's body as a GraphDef with placeholders as arguments, and a dict from its tensor names to graph names.

    A function's body names a tensor by the name of its op's output, whose index only the op's definition gives; no
    public function converts one into the other.
    """
    return _function_def_to_graph.function_def_to_graph_def(function_def)


def op_definition(op: str) -> Any:
    """The OpDef of an op type; None if the type is not registered.

    Publicly it is an attribute of an op in a graph, and such an op would need inputs.
    """
    return _op_def_registry.get(op)


def saved_model_type() -> Any:
    """The protocol buffer of a SavedModel; TensorFlow's public loader reads it and runs it in one step."""
    return _saved_model.SavedModel


def object_graph_type() -> Any:
    """The protocol buffer that tf.train.Checkpoint describes its objects with; only its bytes are public."""
    return _object_graph.TrackableObjectGraph


def bundle_types() -> tuple[Any, Any]:
    """The protocol buffers of a V2 checkpoint's index: its header, and the entry of a variable.

    Publicly, tf.train.load_checkpoint gives only the names, shapes and dtypes in them.
    """
    return _tensor_bundle.BundleHeaderProto, _tensor_bundle.BundleEntryProto

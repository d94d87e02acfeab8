"""Runs one case under one side and returns what can be seen of it: plain values and numpy arrays.

Imports neither contrib nor tfbn: the side brings them. Runs on Python 3.7.
"""

from __future__ import annotations

import re
from typing import Any, Dict, List

import numpy as np

from . import case as cases
from . import observe
from .graphs import Call, Graph, Side

Result = Dict[str, Any]


def run(case: cases.Case, side: Side) -> Result:
    """The result of a case: `stage`, `error`, structure fields, and `arrays`."""
    tf = side.tf
    (tf.enable_resource_variables if cases.get(case, "resource") else tf.disable_resource_variables)()
    (tf.enable_control_flow_v2 if cases.get(case, "control_flow_v2") else tf.disable_control_flow_v2)()
    result: Result = {"stage": "build", "error": None, "arrays": {}}
    with tf.Graph().as_default():
        tf.set_random_seed(1)
        try:
            _build_and_run(case, side, result)
            result["stage"] = "ok"
        except Exception as error:  # every refusal is a result to compare
            result["error"] = describe(error)
    return result


def describe(error: Exception) -> Dict[str, Any]:
    """Type and text of an error, without the machine's paths and addresses."""
    text = str(error).split("Originally defined at")[0]
    if text.startswith("in converted code"):
        # AutoGraph puts the stack first; the error itself comes last.
        text = text.strip().rsplit("\n", 1)[-1]
    text = re.sub(r"0x[0-9a-f]+", "0x", text)
    text = re.sub(r"[^\s\"'(]*/site-packages/", "", text)
    bases = [base.__name__ for base in type(error).__mro__ if base not in (object, BaseException, Exception)]
    return {"type": type(error).__name__, "bases": bases, "text": " ".join(text.split())[:300]}


def _build_and_run(case: cases.Case, side: Side, result: Result) -> None:
    tf = side.tf
    graph = Graph(side, case)
    before = observe.sizes(tf)
    try:
        calls = graph.calls()
    except Exception:
        result["leftovers"] = observe.collections(tf, graph.before)
        raise
    _observe(tf, graph, calls, before, result)
    if cases.get(case, "build_only"):
        return
    result["stage"] = "gradient"
    fetches = [_fetches(tf, graph, call, index, result) for index, call in enumerate(calls)]
    result["stage"] = "inference build"
    own = observe.added(tf, before).get(tf.GraphKeys.GLOBAL_VARIABLES, [])
    state = {variable.name.split(":")[0]: _value(tf, variable) for variable in own}
    losses = [_value(tf, loss) for loss in tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)]
    sizes = observe.sizes(tf)
    inference = [call.output for call in calls]
    if graph.inference_is_a_call():
        inference = [graph.inference(index, graph.scope_of(index)) for index in range(len(calls))]
    result["inference_adds"] = observe.collections(tf, sizes)
    inference = [_value(tf, output) for output in inference]
    result["stage"] = "run"
    config = tf.ConfigProto(
        intra_op_parallelism_threads=1, inter_op_parallelism_threads=1, use_per_session_threads=True
    )
    with tf.Session(config=config) as session:
        session.run(tf.global_variables_initializer())
        _run(session, case, graph, fetches, state, result)
        arrays = result["arrays"]
        last = cases.get(case, "steps")
        arrays["losses"] = np.asarray(session.run(losses, graph.decoder.feeds(last)), dtype=np.float32)
        graph.decoder.assign(session, last)
        for index, output in enumerate(inference):
            arrays[_field("inference", index, len(inference), "output")] = session.run(
                output, graph.decoder.feeds(last)
            )
        after = session.run(state)
        kept = [np.array_equal(after[name], arrays[f"step{last - 1}.state.{name}"]) for name in after]
        result["inference_keeps_state"] = all(kept) or any(np.isnan(value).any() for value in after.values())


def _observe(tf: Any, graph: Graph, calls: List[Call], before: Dict[str, int], result: Result) -> None:
    result["output"] = [[observe.dimensions(call.output), call.output.dtype.base_dtype.name] for call in calls]
    result["variables"] = observe.variables(tf, before)
    result["collections"] = observe.collections(tf, before)
    result["collections"].pop(tf.GraphKeys.GLOBAL_VARIABLES, None)  # just described
    result["output_names"] = [observe.op_name(call.output) for call in calls]
    result["update_names"] = [[observe.op_name(update) for update in call.updates] for call in calls]
    if graph.function.is_layer:
        losses = observe.added(tf, before).get(tf.GraphKeys.REGULARIZATION_LOSSES, [])
        result["loss_names"] = [loss.op.name for loss in losses]
    if graph.layers:
        result["layer"] = [observe.layer(tf, layer) for layer in graph.layers]
    result["outputs_collections"] = observe.outputs(tf, before, [call.output for call in calls])


def _fetches(tf: Any, graph: Graph, call: Call, index: int, result: Result) -> Dict[str, Any]:
    """Everything one call is asked for in a step: the output, the gradients of a loss, the updates."""
    case = graph.case
    dtype = "float64" if call.output.dtype.base_dtype.name == "float64" else "float32"
    loss = tf.reduce_sum(tf.cast(call.output, dtype) * graph.loss_weights(call.output, dtype))
    sources = {variable.op.name: variable for variable in tf.trainable_variables()}
    if tf.is_tensor(graph.inputs):
        sources["inputs"] = graph.inputs
    fetches = {"output": call.output}
    gradients = tf.gradients(loss, list(sources.values()))
    _add(fetches, "gradient.", sources, gradients, result, index)
    inputs_gradient = dict(zip(sources, gradients)).get("inputs")
    if cases.get(case, "second_order") and inputs_gradient is not None:
        second = tf.gradients(tf.reduce_sum(tf.square(tf.cast(inputs_gradient, dtype))), list(sources.values()))
        _add(fetches, "second.", sources, second, result, index)
    fetches = {name: _value(tf, value) for name, value in fetches.items()}
    if call.updates:
        fetches["updates"] = _updates(tf, case, call)
    if cases.get(case, "learning_rate") is not None:
        fetches["train"] = _training_step(tf, cases.get(case, "learning_rate"), loss)
    return fetches


def _training_step(tf: Any, learning_rate: float, loss: Any) -> Any:
    """What minimize() makes, but with every gradient taken before the first variable moves: a ref variable is read
    where it is used, which is before or after its own step as it happens."""
    optimizer = tf.train.GradientDescentOptimizer(learning_rate)
    pairs = [(gradient, variable) for gradient, variable in optimizer.compute_gradients(loss) if gradient is not None]
    with tf.control_dependencies([gradient for gradient, _ in pairs]):
        return optimizer.apply_gradients([(tf.identity(gradient), variable) for gradient, variable in pairs])


def _add(fetches: Dict[str, Any], prefix: str, sources: Any, gradients: Any, result: Result, index: int) -> None:
    kinds = result.setdefault("gradients", {})
    for name, gradient in zip(sources, gradients):
        if prefix == "gradient.":
            kinds["{}{}".format(f"call{index}." if index else "", name)] = gradient is not None
        if gradient is not None:
            fetches[prefix + name] = gradient


def _updates(tf: Any, case: cases.Case, call: Call) -> Any:
    how = cases.get(case, "updates_via")
    if how == "group":
        return tf.group(*call.updates)
    if how == "control":
        with tf.control_dependencies(call.updates):
            return tf.no_op()
    return [item if isinstance(item, tf.Operation) else _value(tf, item) for item in call.updates]


def _value(tf: Any, value: Any) -> Any:
    """A tensor that numpy can hold: bfloat16 travels as float32."""
    if observe.is_variable(value):
        value = value.read_value()
    return tf.cast(value, "float32") if value.dtype.base_dtype.name == "bfloat16" else value


def _field(step: str, index: int, count: int, name: str) -> str:
    return "{}.{}{}".format(step, f"call{index}." if count > 1 else "", name)


def _but_train(fetches: Dict[str, Any]) -> Dict[str, Any]:
    return {name: value for name, value in fetches.items() if name != "train"}


def _run(session: Any, case: cases.Case, graph: Graph, fetches: List[Any], state: Any, result: Result) -> None:
    arrays = result["arrays"]
    for step in range(cases.get(case, "steps")):
        graph.decoder.assign(session, step)
        feeds = graph.decoder.feeds(step)
        if cases.get(case, "calls") == "reuse_together":
            found = session.run([_but_train(wanted) for wanted in fetches], feeds)
        else:
            # One run per call: two updates of one variable in a single run race each other in the original.
            found = [session.run(_but_train(wanted), feeds) for wanted in fetches]
        # After all that reads the parameters, which a training step in the same run would change at some moment of it.
        train = [wanted["train"] for wanted in fetches if "train" in wanted]
        if train:
            session.run(train, feeds)
        for index, values in enumerate(found):
            for name, value in values.items():
                if name != "updates" and not (name.startswith("second.") and step):
                    arrays[_field(f"step{step}", index, len(found), name)] = np.asarray(value)
        for name, value in session.run(state).items():
            arrays[f"step{step}.state.{name}"] = np.asarray(value)

"""Small programs around what goes with the layers: variables by name, named outputs, the global step, what is refused.

Runs on Python 3.7.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable, Dict, List

RECORDED = Path(__file__).with_suffix(".json")
SCOPES = (None, "net", "net/", "net/conv1", "other", "nobody", ".*conv")
SUFFIXES = (None, "weights", "biases", "s", "weights:0", "conv1/weights")


def _network(tf: Any, layers: Dict[str, Any]) -> None:
    net = tf.zeros([2, 8, 8, 3])
    with tf.variable_scope("net"):
        net = layers["conv2d"](net, 4, 3, scope="conv1", outputs_collections="points")
        net = layers["conv2d"](net, 4, 3, normalizer_fn=layers["batch_norm"], scope="conv2")
    with tf.variable_scope("other"):
        net = layers["fully_connected"](layers["flatten"](net, "points"), 2, outputs_collections=["points", "more"])
    tf.get_variable("weights", [])
    tf.get_variable("local", [], collections=[tf.GraphKeys.LOCAL_VARIABLES])


def _names(variables: List[Any]) -> List[str]:
    return [variable.name for variable in variables]


def _variables(tf: Any, layers: Dict[str, Any]) -> Any:
    _network(tf, layers)
    found: Dict[str, Any] = {}
    for scope in SCOPES:
        for suffix in SUFFIXES:
            for name in ("get_variables", "get_model_variables"):
                found[f"{name} {scope} {suffix}"] = _names(layers[name](scope, suffix))
        for name in ("weights", "biases", "local", "beta"):
            found[f"{name} in {scope}"] = _names(layers["get_variables_by_name"](name, scope))
    found["local"] = _names(layers["get_variables"](collection=tf.GraphKeys.LOCAL_VARIABLES))
    with tf.variable_scope("net") as net:
        found["of an object"] = _names(layers["get_variables"](net))
    return found


def _to_restore(tf: Any, layers: Dict[str, Any]) -> Any:
    _network(tf, layers)
    choices = (None, [], ["net"], ("net/conv1", "other"), ["net", "net/conv1"], ["weights"])
    restore = layers["get_variables_to_restore"]
    return [_names(restore(include, exclude)) for include in choices for exclude in choices]


def _update_names(tf: Any, layers: Dict[str, Any]) -> Any:
    """Of two calls that share their statistics. Where a placeholder makes the original build conds, they name them.

    Zero debias collects tensors, whose names tell how the kind of variable is read.
    """
    contrib, core = layers["batch_norm"], layers["batch_normalization"]
    static = ({}, {"fused": False}, {"renorm": True}, {"training": True})
    calls = [(False, arguments) for arguments in static] + [(True, {}), (True, {"training": True})]
    found = {}
    for resource, (dynamic, arguments) in [(resource, call) for resource in (False, True) for call in calls]:
        with tf.Graph().as_default(), tf.variable_scope(tf.get_variable_scope(), use_resource=resource):
            inputs = tf.zeros([4, 3, 3, 2])
            is_training = tf.placeholder(tf.bool, []) if dynamic else True
            for reuse in (False, True):
                if "training" in arguments:
                    core(inputs, training=is_training, name="norm", reuse=reuse)
                else:
                    contrib(inputs, is_training=is_training, scope="norm", reuse=reuse, **arguments)
            updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
            names = [getattr(update, "op", update).name for update in updates]
            found[f"{arguments} {dynamic} {'resource' if resource else 'ref'}"] = names
    return found


def _named_outputs(tf: Any, layers: Dict[str, Any]) -> Any:
    _network(tf, layers)
    collect, convert = layers["collect_named_outputs"], layers["convert_collection_to_dict"]
    plain = tf.zeros([2], name="plain")
    tf.add_to_collection("points", plain)
    tf.add_to_collection("points", tf.split(plain, 2, name="parts")[1])
    same = collect("points", "alias/", plain) is plain
    collect(None, "not_collected", plain)
    again = collect(["points", "more"], "second", plain)
    found = {name: [[key, tensor.name] for key, tensor in convert(name).items()] for name in ("points", "more", "none")}
    convert("points", clear_collection=True)
    return [same, again.aliases, found, len(tf.get_collection("points"))]


def _global_step(tf: Any, layers: Dict[str, Any]) -> Any:
    made = layers["get_or_create_global_step"]()
    again = layers["get_or_create_global_step"]()
    with tf.Graph().as_default() as graph:
        other = layers["create_global_step"]()
        inside = layers["get_or_create_global_step"](graph) is other
    return [
        made.name,
        made.dtype.base_dtype.name,
        again is made,
        inside,
        sorted(tf.get_default_graph().get_all_collection_keys()),
    ]


def _last_dimension(tf: Any, layers: Dict[str, Any]) -> Any:
    return [layers["last_dimension"](tf.TensorShape(shape)) for shape in ([3], [None, 4], [2, None, 5])]


def _regularizers(tf: Any, layers: Dict[str, Any]) -> Any:
    weights = tf.constant([[1.0, -2.0], [0.5, 4.0]])
    given = (
        layers["l1_regularizer"](0.5),
        layers["l2_regularizer"](0.5, "mine"),
        layers["l2_regularizer"](tf.constant(0.25)),
        layers["l1_l2_regularizer"](0.5, 0.25),
        layers["l1_l2_regularizer"](0.0, 0.25),
        layers["l1_l2_regularizer"](0.5, 0.0, "mine"),
        layers["l1_l2_regularizer"](),
    )
    losses = [regularizer(weights) for regularizer in given]
    with tf.Session() as session:
        values = [float(value) for value in session.run(losses)]
    nothing = [layers["l1_regularizer"](0.0)(weights), layers["l1_l2_regularizer"](0.0, 0.0)(weights)]
    return [[loss.op.name for loss in losses], values, nothing]


def _initializers(tf: Any, layers: Dict[str, Any]) -> Any:
    """Seeded, and so the same numbers in every release."""
    tf.set_random_seed(5)
    found = []
    for shape in ([], [3], [2, 3], [2, 2, 3, 2]):
        for uniform in (True, False):
            for dtype in (tf.float32, tf.float64):
                found.append(layers["xavier_initializer"](uniform, seed=2)(shape, dtype))
            for mode in ("FAN_IN", "FAN_OUT", "FAN_AVG"):
                found.append(layers["variance_scaling_initializer"](1.5, mode, uniform, seed=3)(shape))
    with tf.Session() as session:
        return [value.ravel().astype(float).tolist() for value in session.run(found)]


def _scoped(tf: Any, layers: Dict[str, Any]) -> Any:
    """Which of the functions take arguments from an arg_scope, and which share them."""
    found = {}
    for name, function in sorted(layers.items()):
        if callable(function) and name not in ("arg_scope", "has_arg_scope", "BatchNormalization", "create_train_op"):
            found[name] = bool(layers["has_arg_scope"](function))
    net = tf.zeros([2, 8, 8, 3])
    with layers["arg_scope"]([layers["convolution2d"]], scope="shared"):
        found["alias"] = layers["conv2d"](net, 4, 3).op.name
    with layers["arg_scope"]([layers["conv2d"]], scope="unshared"):
        found["other"] = layers["convolution"](net, 4, 3).op.name
    return found


PROGRAMS: Dict[str, Callable] = {
    "variables": _variables,
    "to restore": _to_restore,
    "update names": _update_names,
    "named outputs": _named_outputs,
    "global step": _global_step,
    "last dimension": _last_dimension,
    "regularizers": _regularizers,
    "initializers": _initializers,
    "scoped": _scoped,
}
# Their errors are compared.
REFUSED: Dict[str, Callable] = {
    "include of a string": lambda tf, layers: layers["get_variables_to_restore"](include="net"),
    "exclude of a string": lambda tf, layers: layers["get_variables_to_restore"](exclude="net"),
    "two global steps": lambda tf, layers: [layers["create_global_step"]() for _ in range(2)],
    "last of none": lambda tf, layers: layers["last_dimension"](tf.TensorShape(None)),
    "last of unknown": lambda tf, layers: layers["last_dimension"](tf.TensorShape([2, None])),
    "last of few": lambda tf, layers: layers["last_dimension"](tf.TensorShape([2]), min_rank=2),
    "integer scale": lambda tf, layers: layers["l1_regularizer"](1),
    "integer l2": lambda tf, layers: layers["l1_l2_regularizer"](0.5, 1),
    "negative scale": lambda tf, layers: layers["l2_regularizer"](-0.5),
    "integer dtype": lambda tf, layers: layers["xavier_initializer"](dtype=tf.int32),
    "integer values": lambda tf, layers: layers["xavier_initializer"]()([2], tf.int32),
    "unknown mode": lambda tf, layers: layers["variance_scaling_initializer"](mode="FAN"),
}


NAMES = (*PROGRAMS, *REFUSED, "names")


def run(side: Any, name: str) -> Any:
    if side.name == "original":
        from tensorflow.contrib import framework as scoping
        from tensorflow.contrib import layers as home
    else:
        import tfbn as scoping
        from tfbn import layers as home
    if name == "names":
        return {"layers": _public(home), "framework": _public(scoping)}
    layers = {name.rpartition(".")[2]: function for name, function in side.functions.items() if ".v1." not in name}
    layers.update(arg_scope=scoping.arg_scope, has_arg_scope=scoping.has_arg_scope)
    try:
        return json.loads(json.dumps({**PROGRAMS, **REFUSED}[name](side.tf, layers)))
    except Exception as error:
        return {"type": type(error).__name__, "text": str(error.args[0])}


def _public(module: Any) -> List[str]:
    """The functions and classes of a module; the guide has a word for all of contrib's."""
    return sorted(name for name in dir(module) if not name.startswith("_") and callable(getattr(module, name)))


def load() -> Dict[str, Any]:
    return json.loads(RECORDED.read_text())


def save(results: Dict[str, Any]) -> None:
    RECORDED.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")

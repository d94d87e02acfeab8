"""Arguments, methods and attributes of Keras 2 that Keras 3 refuses, and optimizers of tf.compat.v1."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import libcst as cst

from tfbn.migrate import names
from tfbn.migrate.changes import Changes
from tfbn.migrate.keras_names import KERAS_LOST_ARGUMENTS
from tfbn.migrate.module import Module, last_part
from tfbn.migrate.prepared import is_caught
from tfbn.migrate.rule import Rule, constant_string, keyword_arguments

NAME = "keras-arguments"
VALID = [
    "import tensorflow as tf\nx = tf.keras.optimizers.Adam(learning_rate=0.1), tf.keras.layers.Dropout(rate=0.5)\n",
    "import tensorflow as tf\nmodel = tf.keras.Sequential()\nmodel.compile(tf.keras.optimizers.SGD(0.1), 'mse')\n"
    "model.fit(x, y, epochs=3)\nmodel.save_weights('a.weights.h5')\n",
    "import tensorflow as tf\nclass A(tf.keras.layers.Layer):\n    def build(self, shape):\n"
    "        self.w = self.add_weight(name='w', shape=shape)\n",
    "import sklearn, tensorflow as tf\nmodel = sklearn.SGD(lr=0.1)\nmodel.fit(x, y)\n",
]
INVALID: list[tuple[str, str | int]] = [
    (
        """\
import tensorflow as tf

def optimizer():
    return tf.keras.optimizers.Adam(lr=0.001, beta_1=0.5)
""",
        """\
import tensorflow as tf

def optimizer():
    return tf.keras.optimizers.Adam(learning_rate=0.001, beta_1=0.5)
""",
    ),
    ("from keras.optimizers import SGD\nx = SGD(0.1, decay=1e-6, momentum=0.9)\n", 2),
    ("from tensorflow.keras import layers\nx = layers.Dense(output_dim=3)\n", 2),
    (
        "import tensorflow as tf\ndef build(model):\n    optimizer = tf.compat.v1.train.AdamOptimizer(0.1)\n"
        "    model.compile(optimizer=optimizer, loss='mse')\n",
        4,
    ),
    ("from keras.models import Model\nmodel = Model(input=x, outputs=y)\n", 2),
    ("import keras\nmodel = keras.models.load_model('a')\nmodel.fit_generator(rows())\n", 3),
    ("import keras\nmodel = keras.models.load_model('a')\nmodel.fit(x, workers=4)\n", 3),
    ("import keras\nmodel = keras.models.load_model('a')\nmodel.save_weights('a.h5')\n", 3),
    ("import keras\nmodel = keras.models.load_model('a')\nprint(model.optimizer.lr)\n", 3),
    (
        "import tensorflow as tf\nclass A(tf.keras.layers.Layer):\n    def build(self, shape):\n"
        "        self.w = self.add_weight('w', shape)\n",
        4,
    ),
    ("import tensorflow as tf\nx = tf.keras.layers.Input(tensor=images)\n", 2),
    ("import tensorflow as tf\nx = tf.keras.callbacks.ModelCheckpoint('a.hdf5', save_weights_only=True)\n", 2),
]
# What Keras 3 calls an argument.
SUCCESSORS = {
    "W_constraint": "kernel_constraint",
    "W_regularizer": "kernel_regularizer",
    "b_constraint": "bias_constraint",
    "b_regularizer": "bias_regularizer",
    "bias": "use_bias",
    "border_mode": "padding",
    "dim_ordering": "data_format",
    "filter_length": "kernel_size",
    "init": "kernel_initializer",
    "inner_activation": "recurrent_activation",
    "nb_epoch": "epochs",
    "nb_filter": "filters",
    "output_dim": "units",
    "p": "rate",
    "period": "save_freq",
    "sigma": "stddev",
    "stride": "strides",
    "subsample": "strides",
}
# Arguments of methods that Keras 3 refuses, with names that only Keras has.
METHOD_ARGUMENTS = {
    "compile": "distribute experimental_run_tf_function sample_weight_mode target_tensors",
    "evaluate": "max_queue_size use_multiprocessing workers",
    "fit": "max_q_size max_queue_size nb_epoch pickle_safe use_multiprocessing workers",
    "predict": "max_queue_size use_multiprocessing workers",
}
GONE_METHODS = {
    "evaluate_generator": "call evaluate, which takes generators",
    "fit_generator": "call fit, which takes generators; it has no workers, use_multiprocessing and max_queue_size",
    "get_output_at": "use the tensor that the call of the layer returned",
    "predict_classes": "call predict, and take numpy.argmax of what it returns",
    "predict_generator": "call predict, which takes generators",
    "predict_proba": "call predict",
}
WEIGHTS = (".weights.h5", ".keras")
V1_OPTIMIZER = re.compile(r"train\.\w+Optimizer")
DECAYING = "learning_rate=tf.keras.optimizers.schedules.InverseTimeDecay(learning_rate, 1, decay)"


def check_file(module: Module, changes: Changes) -> None:
    names_keras = re.search(rb"\bkeras\b", module.data) is not None
    if b"TF_USE_LEGACY_KERAS" in module.data:
        return
    for node in module.nodes:
        if isinstance(node, cst.Call) and not is_caught(module, node):
            key = keras_name(module.name(node.func))
            if key is not None:
                _check_constructor(module, changes, node, key)
            elif isinstance(node.func, cst.Attribute) and (names_keras or node.func.attr.value == "compile"):
                _check_method(module, changes, node)
        elif names_keras and _is_rate(node):
            problem = "the optimizers of Keras 3 have no attribute `lr`"
            changes.find(node, NAME, problem, "write learning_rate, which they have in every Keras 2, too")


def _is_rate(node: Any) -> bool:
    """`model.optimizer.lr`."""
    return isinstance(node, cst.Attribute) and node.attr.value == "lr" and last_part(node.value) == "optimizer"


def keras_name(full: str) -> str | None:
    """`layers.Dense` for `tensorflow.keras.layers.Dense` and `keras.layers.Dense`; None for what is not Keras'."""
    below = names.below_tensorflow(full) or full
    return below.partition(".")[2] if below.startswith("keras.") else None


def _check_constructor(module: Module, changes: Changes, call: cst.Call, key: str) -> None:
    arguments = keyword_arguments(call)
    lost = KERAS_LOST_ARGUMENTS.get(key, "").split()
    if key in ("Model", "models.Model"):
        lost = ["input", "output"]
    for keyword, argument in arguments.items():
        if keyword == "lr" and "lr" in lost and "learning_rate" not in arguments:
            changes.replace(argument.keyword, "learning_rate", NAME)
        elif keyword == "decay" and key.startswith("optimizers."):
            problem = "the optimizers of Keras 3 take no notice of decay, and those of TensorFlow 2.12 raise"
            changes.find(argument, NAME, problem, f"write {DECAYING}; leave it out where it is 0")
        elif keyword in lost:
            successor = SUCCESSORS.get(keyword) or {"input": "inputs", "output": "outputs"}.get(keyword)
            advice = f"write {successor}" if successor else "leave it out, or see what Keras 3 has in its place"
            changes.find(argument, NAME, f"{key.rpartition('.')[2]} of Keras 3 refuses the argument {keyword}", advice)
    if key in ("Input", "layers.Input") and "tensor" in arguments:
        problem = "Input of Keras 3 takes no tensor of TensorFlow"
        changes.find(arguments["tensor"], NAME, problem, "call the layers, or the model, with the tensor itself")
    if key == "callbacks.ModelCheckpoint" and _is_true(arguments.get("save_weights_only")):
        _check_weights(changes, call, (".weights.h5",))


def _check_method(module: Module, changes: Changes, call: cst.Call) -> None:
    method, arguments = call.func.attr.value, keyword_arguments(call)
    if method in GONE_METHODS:
        changes.find(call, NAME, f"the models and layers of Keras 3 have no {method}", GONE_METHODS[method])
    for keyword in METHOD_ARGUMENTS.get(method, "").split():
        if keyword in arguments:
            successor = SUCCESSORS.get(keyword)
            advice = f"write {successor}" if successor else "leave it out"
            changes.find(arguments[keyword], NAME, f"{method} of Keras 3 refuses the argument {keyword}", advice)
    if method == "compile" and (optimizer := _optimizer(module, call)):
        problem = f"compile of Keras 3 takes no tf.compat.v1.{optimizer}: ValueError"
        advice = "give it one of tf.keras.optimizers, or train with the optimizer's own minimize in a session"
        changes.find(call, NAME, problem, advice)
    if method == "save_weights":
        _check_weights(changes, call, WEIGHTS[:1])
    if method == "add_weight" and call.args and _is_in_keras_layer(module, call):
        first = call.args[0]
        if first.keyword is None and constant_string(first.value) is not None:
            problem = "add_weight of Keras 3 takes the shape first: ValueError"
            changes.find(call, NAME, problem, "write name=... and shape=...")


def _optimizer(module: Module, call: cst.Call) -> str | None:
    """`train.AdamOptimizer` if `compile` gets one."""
    argument = keyword_arguments(call).get("optimizer") or next((arg for arg in call.args if arg.keyword is None), None)
    value: Any = module.assigned_value(argument.value) if argument is not None else None
    full = module.name(value.func) if isinstance(value, cst.Call) else ""
    below = names.below_tensorflow(full) or ""
    return below if V1_OPTIMIZER.fullmatch(below) else None


def _check_weights(changes: Changes, call: cst.Call, endings: tuple[str, ...]) -> None:
    """Checks the name of a file of weights, if it is a literal."""
    first = next((arg for arg in call.args if arg.keyword is None or arg.keyword.value == "filepath"), None)
    name = constant_string(first.value) if first is not None else None
    if name is not None and not name.endswith(endings):
        problem = f"Keras 3 saves weights to files that end in .weights.h5, not to {name!r}: ValueError"
        changes.find(first, NAME, problem, "give the file such a name")


def _is_true(argument: Any) -> bool:
    return isinstance(argument and argument.value, cst.Name) and argument.value.value == "True"


def _is_in_keras_layer(module: Module, node: Any) -> bool:
    classes: Iterator[Any] = (above for above in module.parents(node) if isinstance(above, cst.ClassDef))
    class_ = next(classes, None)
    bases = [module.name(base.value) for base in class_.bases] if class_ is not None else []
    return any(keras_name(base) is not None for base in bases)


_MAY_REFUSE = re.compile(
    rb"\b(?:optimizers|compile|add_weight|save_weights|ModelCheckpoint|Input|Model|get_output_at|predict_\w+|\w+_generator)\b"
    rb"|\b(?:"
    + b"|".join(sorted({word.encode("ascii") for lost in KERAS_LOST_ARGUMENTS.values() for word in lost.split()}))
    + rb"|nb_epoch|workers|use_multiprocessing|max_queue_size|optimizer\s*\.\s*lr)\b\s*[=),]"
)


def worth_parsing(raw: bytes) -> bool:
    """Whether the file mentions Keras and something that may have changed, or compiles a model of another file."""
    compiles = raw.find(b".compile") >= 0 and raw.find(b"Optimizer") >= 0
    return compiles or (raw.find(b"keras") >= 0 and bool(_MAY_REFUSE.search(raw)))


RULE = Rule(
    name=NAME,
    summary="renames lr of Keras' optimizers, and reports arguments, methods and optimizers that Keras 3 refuses",
    valid=VALID,
    invalid=INVALID,
    check_file=check_file,
    worth_parsing=worth_parsing,
)

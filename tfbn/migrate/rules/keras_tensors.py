"""TensorFlow's functions of what Keras 3 builds models of by calling layers: they refuse it."""

from __future__ import annotations

import ast

from tfbn.errors import Finding
from tfbn.migrate.import_graph import ImportGraph
from tfbn.migrate.plain_code import Imports
from tfbn.migrate.project import Project
from tfbn.migrate.rule import Rule

NAME = "keras-tensors"
VALID = [
    "import tensorflow as tf\nfrom keras.layers import Dense, Input, Lambda\nx = Input((3,))\n"
    "x = Lambda(lambda x: tf.nn.relu(x))(Dense(3)(x))\ny = 2 * x + 1\n",
    "import tensorflow as tf\nfrom tensorflow.keras import layers\ndef f(x):\n    x = layers.Dense(3)(x)\n"
    "    return tf.nn.relu(x)\nf(tf.zeros([2, 3]))\n",
    "import tensorflow as tf\nfrom tensorflow.keras.layers import Input\nx = Input((3,))\nx = tf.zeros([3])\n"
    "y = tf.nn.relu(x), tf.keras.layers.ReLU()(x), tf.is_tensor(x)\n",
    "import os\nos.environ['TF_USE_LEGACY_KERAS'] = '1'\nimport tensorflow as tf\n"
    "x = tf.keras.Input((3,))\ny = tf.nn.relu(x)\n",
    "import tensorflow as tf\nx = tf.keras.Input((3,))\nclass L(tf.keras.layers.Layer):\n"
    "    def call(self, x):\n        return tf.nn.relu(x)\ny = L()(x)\nfor x in [1]:\n    z = tf.exp(x)\n",
    "import tensorflow as tf\nif a:\n    x = tf.zeros([2])\nelse:\n    x = tf.keras.Input((3,))\nz = tf.exp(x)\n",
]
INVALID: list[tuple[str, str | int]] = [
    (
        """\
import tensorflow as tf
from tensorflow.keras.layers import Dense, Input
from tensorflow.keras.models import Model

images = Input((784,))
hidden = tf.nn.relu(Dense(64)(images))
model = Model(images, Dense(10)(hidden))
""",
        6,
    ),
    ("import tensorflow as tf\nx = tf.keras.Input((3,))\ny = tf.concat([x, x + 1], axis=1)\n", 3),
    (
        "import tensorflow as tf\nfrom keras import layers\nx = layers.Input((3,))\nx = layers.add([x, x])\n"
        "y = tf.exp(x)\n",
        5,
    ),
    (
        "import tensorflow as tf\nfrom keras.layers import Dense, Input\ndef block(x):\n    x = Dense(3)(x)\n"
        "    return tf.nn.relu(x)\ndef net():\n    x = Input((3,))\n    return block(x)\n",
        5,
    ),
    (
        "import tensorflow as tf\nfrom tensorflow.keras import backend as K, layers\nx = layers.Input((3,))\n"
        "y = K.concatenate([x, x])\n",
        4,
    ),
    ("import tensorflow as tf\nx = tf.keras.applications.VGG16().output\ny = tf.reduce_mean(x)\n", 3),
]
ADVICE = (
    "call it in a layer of its own, keras.layers.Lambda(function)(x), or use what keras.ops has; or, for Keras 2, "
    "pip install tf_keras and set TF_USE_LEGACY_KERAS=1 before TensorFlow is imported"
)
# Functions that take anything.
_TAKE_ANY = ("data.", "get_static_value", "is_tensor", "keras.", "name_scope", "nest.", "print", "type_spec")
_OF_BACKEND = frozenset(
    "abs argmax batch_dot batch_flatten cast clip concatenate dot exp expand_dims flatten l2_normalize log max mean "
    "min permute_dimensions pow prod relu repeat_elements reshape resize_images sigmoid softmax sqrt square squeeze "
    "stack sum tanh tile transpose var std".split()
)
MAX_CALLS = 4  # of the file's own functions in each other


def check_project(project: Project) -> dict[str, list[Finding]]:
    """One finding in a file, at its first such call."""
    graph = project.import_graph
    findings = {}
    for path in graph.relevant():
        text = project.text(path)
        if text.find(b"keras") < 0 or not (text.find(b"Input") >= 0 or text.find(b".output") >= 0):
            continue
        tree = graph.tree(path)
        call = _first_refused(graph, path, tree) if tree is not None else None
        if call is not None and not _has_keras_2(project, path):
            message = (
                f"`{ast.unparse(call.func)}` of a tensor of Keras 3, which newer TensorFlow has, raises ValueError"
            )
            findings[path] = [Finding(NAME, "error", graph.place(path, call), message, ADVICE)]
    return findings


def _has_keras_2(project: Project, path: str) -> bool:
    return any(project.text(other).find(b"TF_USE_LEGACY_KERAS") >= 0 for other in project.import_graph.program(path))


def _first_refused(graph: ImportGraph, path: str, tree: ast.Module) -> ast.Call | None:
    calls = list(_Follower(graph, path, tree).refused())
    return min(calls, key=lambda call: (call.lineno, call.col_offset)) if calls else None


class _Follower:
    """Follows the tensors of Keras through the statements of a file, and through its functions where these call."""

    def __init__(self, graph: ImportGraph, path: str, tree: ast.Module) -> None:
        self._tree = tree
        self._imports = Imports(graph, path, tree)
        self._functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        self._refused: list[ast.Call] = []
        self._returns: dict[tuple[str, frozenset[str]], bool] = {}
        self._depth = 0

    def refused(self) -> list[ast.Call]:
        self._run(self._tree.body, set())
        for node in ast.walk(self._tree):
            if isinstance(node, ast.FunctionDef):
                self._run(node.body, set())
        return self._refused

    def _run(self, body: list[ast.stmt], tensors: set[str]) -> bool:
        """Whether the statements return a tensor of Keras; `tensors` are the names that have one, before and after."""
        returns = False
        for node in body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                continue
            if isinstance(node, ast.Return):
                returns |= self._is_tensor(node.value, tensors)
            elif isinstance(node, ast.Assign):
                is_tensor = self._is_tensor(node.value, tensors)
                for target in node.targets:
                    name = ast.unparse(target)
                    tensors.discard(name)
                    if is_tensor:
                        tensors.add(name)
            elif isinstance(node, (ast.AugAssign, ast.Expr)):
                self._is_tensor(node.value, tensors)
            elif isinstance(node, ast.If):
                branches = [set(tensors), set(tensors)]
                returns |= self._run(node.body, branches[0])
                returns |= self._run(node.orelse, branches[1])
                tensors.clear()
                tensors |= branches[0] & branches[1]
                continue
            elif isinstance(node, (ast.For, ast.AsyncFor)):
                tensors -= {part.id for part in ast.walk(node.target) if isinstance(part, ast.Name)}
            for part in ("body", "orelse", "finalbody"):
                returns |= self._run(getattr(node, part, []), tensors)
        return returns

    def _is_tensor(self, node: ast.AST | None, tensors: set[str]) -> bool:
        """Whether an expression is a tensor of Keras; notes the calls in it that refuse one."""
        if isinstance(node, (ast.Name, ast.Attribute)):
            if ast.unparse(node) in tensors:
                return True
            return isinstance(node, ast.Attribute) and node.attr == "output" and self._is_application(node.value)
        if isinstance(node, ast.Call):
            return self._is_called(node, tensors)
        if isinstance(node, ast.BinOp):
            sides = [self._is_tensor(side, tensors) for side in (node.left, node.right)]
            return any(sides)
        if isinstance(node, ast.Subscript):
            return self._is_tensor(node.value, tensors)
        if isinstance(node, (ast.List, ast.Tuple)):
            elements = [self._is_tensor(element, tensors) for element in node.elts]
            return any(elements)
        return False

    def _is_application(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Call) and ".applications." in self._keras(node.func)

    def _keras(self, function: ast.AST) -> str:
        """The name of a function or class below `keras.`; empty for another."""
        full = self._imports.full(function)
        for home in ("tensorflow.compat.v1.keras.", "tensorflow.keras.", "keras."):
            if full.startswith(home):
                return f".{full[len(home) :]}"
        return ""

    def _is_called(self, call: ast.Call, tensors: set[str]) -> bool:
        values = [*call.args, *(keyword.value for keyword in call.keywords)]
        given = [self._is_tensor(value, tensors) for value in values]
        keras = self._keras(call.func)
        if keras.endswith(".Input"):
            return all(keyword.arg not in ("tensor", "sparse", "ragged") for keyword in call.keywords)
        if not any(given):
            return False
        if isinstance(call.func, ast.Call):
            return bool(self._keras(call.func.func))  # of a layer
        if keras:
            if keras.startswith(".backend.") and keras.rpartition(".")[2] in _OF_BACKEND:
                self._note(call)
            return keras.startswith((".layers.", ".activations.", ".ops."))
        full = self._imports.full(call.func)
        if full.startswith("tensorflow."):
            below = full[len("tensorflow.") :]
            below = below[len("compat.v1.") :] if below.startswith("compat.v1.") else below
            if not below.startswith(_TAKE_ANY) and below.rpartition(".")[2][:1].islower():
                self._note(call)
            return False
        function = self._functions.get(call.func.id) if isinstance(call.func, ast.Name) else None
        if function is None or self._depth >= MAX_CALLS:
            return False
        parameters = [argument.arg for argument in function.args.args]
        handed = {name for name, is_tensor in zip(parameters, given[: len(call.args)]) if is_tensor}
        handed |= {k.arg for k, is_tensor in zip(call.keywords, given[len(call.args) :]) if is_tensor and k.arg}
        key = function.name, frozenset(handed)
        if key not in self._returns:
            self._returns[key] = False  # for functions that call themselves
            self._depth += 1
            self._returns[key] = self._run(function.body, handed)
            self._depth -= 1
        return self._returns[key]

    def _note(self, call: ast.Call) -> None:
        self._refused.append(call)


RULE = Rule(
    name=NAME,
    summary="reports functions of TensorFlow of what layers of Keras 3 return when models are built: they raise",
    valid=VALID,
    invalid=INVALID,
    check_project=check_project,
)

"""Models of Keras that are trained or run in programs that switch v2 behaviour off."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tfbn.errors import Finding
from tfbn.migrate.import_graph import ImportGraph
from tfbn.migrate.programs import SWITCHES, leaf
from tfbn.migrate.project import Project
from tfbn.migrate.rule import Rule
from tfbn.migrate.rules.v2_behavior import start_of_program

NAME = "keras-training"
VALID = [
    "import tensorflow as tf\nmodel = tf.keras.Sequential()\nmodel.compile('sgd', loss='mse')\nmodel.fit(x, y)\n",
    "import tensorflow as tf\nif __name__ == '__main__':\n    model = tf.keras.Sequential()\n    model.fit(x, y)\n",
    "import tensorflow.compat.v1 as tf\ntf.disable_v2_behavior()\nx = tf.placeholder(tf.float32, [None, 3])\n"
    "y = tf.keras.layers.Dense(3)(x)\nclassifier.fit(x, y)\n",
    "import os\nos.environ['TF_USE_LEGACY_KERAS'] = '1'\nimport tensorflow.compat.v1 as tf\n\n"
    "tf.disable_v2_behavior()\nmodel = tf.keras.Sequential()\nmodel.fit(x, y)\n",
]
INVALID = [
    (
        """\
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()

model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
model.compile("sgd", loss="mse")
model.fit(images, labels)
""",
        7,
    ),
    (
        "import tensorflow.compat.v1 as tf\ntf.disable_eager_execution()\nclass Net(tf.keras.Model):\n"
        "    def run(self, x):\n        return self.predict(x)\nNet().run(tf.zeros([1]))\n",
        5,
    ),
]
RAISING = frozenset(
    "evaluate evaluate_generator fit fit_generator get_weights load_weights predict predict_generator "
    "predict_on_batch save save_weights".split()
)
MODEL_CONSTRUCTORS = frozenset("Functional Model Sequential load_model model_from_json".split())
_MAY_RAISE = re.compile(rb"\.\s*(?:" + b"|".join(sorted(name.encode("ascii") for name in RAISING)) + rb")\s*\(")
ADVICE = (
    "train with an optimizer of tf.compat.v1.train in a session; or leave v2 behaviour on in the program that has the "
    "model; or, for Keras 2, pip install tf_keras and set TF_USE_LEGACY_KERAS=1 before TensorFlow is imported"
)


def check_project(project: Project) -> dict[str, list[Finding]]:
    """One finding in each file that a program with v2 behaviour off reaches: at its first such call."""
    graph = project.import_graph
    relevant = graph.relevant()
    first_calls = {path: call for path in relevant if (call := next(_calls(graph, path), None))}
    if not first_calls:
        return {}
    imported = {other for path in relevant for other in graph.imported_files(path) - {path}}
    findings: dict[str, list[Finding]] = {}
    for path in relevant:
        program = graph.program(path)
        is_off = any(_has_switch(project, other) for other in program)
        has_keras_2 = any(project.text(other).find(b"TF_USE_LEGACY_KERAS") >= 0 for other in program)
        reached = program & first_calls.keys() - findings.keys()
        if is_off and not has_keras_2 and reached and _is_run(project, path, is_imported=path in imported):
            for other in reached:
                call = first_calls[other]
                message = (
                    f"`{ast.unparse(call.func)}` of Keras 3, which newer TensorFlow such as 2.21 has, raises where v2 "
                    "behaviour is off"
                )
                findings[other] = [Finding(NAME, "error", graph.place(other, call), message, ADVICE)]
    return findings


def _has_switch(project: Project, path: str) -> bool:
    return any(project.text(path).find(switch.encode("ascii")) >= 0 for switch in SWITCHES)


def _is_run(project: Project, path: str, *, is_imported: bool) -> bool:
    """Whether a file is a program, or decides on v2 behaviour as one does."""
    graph = project.import_graph
    return _has_switch(project, path) or start_of_program(graph, path, is_imported=is_imported) is not None


def _calls(graph: ImportGraph, path: str) -> Iterator[ast.Call]:
    """The calls that train, run, save or load a model of Keras."""
    text = graph.project.text(path)
    if text.find(b"keras") < 0 or not _MAY_RAISE.search(text):
        return
    nodes = list(graph.nodes(path, as_program=True))
    models = set(map(_compiled_model, nodes)) - {None}
    for node in nodes:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Call)
            and leaf(node.value.func) in MODEL_CONSTRUCTORS
        ):
            models |= {ast.unparse(target) for target in node.targets}
        elif isinstance(node, ast.ClassDef) and any(leaf(base) in MODEL_CONSTRUCTORS for base in node.bases):
            models.add("self")
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in RAISING:
            if ast.unparse(node.func.value) in models:
                yield node


def _compiled_model(node: ast.AST) -> str | None:
    """`model` for `model.compile(loss=...)`."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "compile"):
        return None
    is_of_model = any(keyword.arg in ("loss", "optimizer") for keyword in node.keywords)
    return ast.unparse(node.func.value) if is_of_model else None


RULE = Rule(
    name=NAME,
    summary="reports fit, predict and their like of Keras 3 in programs that switch v2 behaviour off, where they raise",
    valid=VALID,
    invalid=INVALID,
    check_project=check_project,
)

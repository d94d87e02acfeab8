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
    makers = _Makers(graph)
    first_calls = {path: call for path in relevant if (call := next(_calls(graph, path, makers), None))}
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


class _Makers:
    """Which functions and classes of a project's files give models of Keras."""

    def __init__(self, graph: ImportGraph) -> None:
        self._graph = graph
        self._imports: dict[str, list[ast.Import | ast.ImportFrom]] = {}
        self._made: dict[tuple[str, str], set[str]] = {}

    def made(self, path: str, call: ast.Call) -> set[str]:
        """Where the result of a call has models: `""` is the result itself, `.model` an attribute of it."""
        if leaf(call.func) in MODEL_CONSTRUCTORS and self._is_of_keras(path):
            return {""}
        if not isinstance(call.func, (ast.Name, ast.Attribute)):
            return set()
        chain = ast.unparse(call.func)
        key = path, chain
        if key not in self._made:
            self._made[key] = set()  # for functions that call each other
            self._made[key] = self._find(path, chain.split("."))
        return self._made[key]

    def _is_of_keras(self, path: str) -> bool:
        return self._graph.project.text(path).find(b"keras") >= 0

    def _find(self, path: str, chain: list[str]) -> set[str]:
        for home, name in self._definitions(path, chain):
            for node in getattr(self._graph.tree(home), "body", ()):
                if isinstance(node, ast.ClassDef) and node.name == name:
                    return self._made_by_class(home, node)
                if isinstance(node, ast.FunctionDef) and node.name == name:
                    return self._made_by_function(home, node)
        return set()

    def _definitions(self, path: str, chain: list[str]) -> Iterator[tuple[str, str]]:
        """The file and the name in it that a called chain may mean: of the file itself, or of one that it imports."""
        if len(chain) == 1:
            yield path, chain[0]
        for node in self._imports_of(path):
            for alias in node.names:
                bound = (alias.asname or alias.name).split(".")
                if isinstance(node, ast.ImportFrom):
                    if chain == bound or (alias.name == "*" and len(chain) == 1):
                        name = chain[0] if alias.name == "*" else alias.name
                        yield from ((home, name) for home in self._graph.files(path, node.module or "", node.level))
                    if chain[:-1] == bound:
                        module = f"{node.module or ''}.{alias.name}".lstrip(".")
                        yield from ((home, chain[-1]) for home in self._graph.files(path, module, node.level))
                elif chain[:-1] == bound:
                    yield from ((home, chain[-1]) for home in self._graph.files(path, alias.name))

    def _imports_of(self, path: str) -> list[ast.Import | ast.ImportFrom]:
        if path not in self._imports:
            nodes = self._graph.nodes(path, as_program=True) if self._graph.may_import_files(path) else ()
            self._imports[path] = [node for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom))]
        return self._imports[path]

    def _made_by_function(self, path: str, function: ast.FunctionDef) -> set[str]:
        made: dict[str, set[str]] = {}
        found: set[str] = set()
        for node in sorted(_own_statements(function), key=lambda node: node.lineno):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                made.update((ast.unparse(target), self.made(path, node.value)) for target in node.targets)
            elif isinstance(node, ast.Return) and isinstance(node.value, ast.Call):
                found |= self.made(path, node.value)
            elif isinstance(node, ast.Return) and node.value is not None:
                found |= made.get(ast.unparse(node.value), set())
        return found

    def _made_by_class(self, path: str, class_: ast.ClassDef) -> set[str]:
        if not self._is_of_keras(path):
            return set()
        found = {""} if any(leaf(base) in MODEL_CONSTRUCTORS for base in class_.bases) else set()
        for node in ast.walk(class_):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                own = [target for target in map(ast.unparse, node.targets) if target.startswith("self.")]
                if own and "" in self.made(path, node.value):
                    found |= {target[len("self") :] for target in own}
        return found


def _own_statements(function: ast.FunctionDef) -> Iterator[ast.stmt]:
    stack: list[ast.AST] = list(function.body)
    while stack:
        node = stack.pop()
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            continue
        if isinstance(node, ast.stmt):
            yield node
        stack.extend(child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr))


def _calls(graph: ImportGraph, path: str, makers: _Makers) -> Iterator[ast.Call]:
    """The calls that train, run, save or load a model of Keras."""
    text = graph.project.text(path)
    is_of_keras = text.find(b"keras") >= 0
    if not (is_of_keras or graph.may_import_files(path)) or not _MAY_RAISE.search(text):
        return
    nodes = list(graph.nodes(path, as_program=True))
    models = set(map(_compiled_model, nodes)) - {None} if is_of_keras else set()
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            made = makers.made(path, node.value)
            models |= {ast.unparse(target) + attribute for target in node.targets for attribute in made}
        elif (
            is_of_keras
            and isinstance(node, ast.ClassDef)
            and any(leaf(base) in MODEL_CONSTRUCTORS for base in node.bases)
        ):
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

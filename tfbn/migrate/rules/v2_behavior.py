"""Programs that reach TF1 code and do not switch v2 behaviour off before it runs."""

from __future__ import annotations

import ast
import os
import re
from pathlib import PurePath

from tfbn.errors import Finding
from tfbn.migrate.entry_points import entry_points, unreadable
from tfbn.migrate.import_graph import ImportGraph, is_main_test
from tfbn.migrate.module_values import Read
from tfbn.migrate.programs import (
    SWITCHES,
    V1,
    ProgramOrder,
    definition_of,
    has_own_graph,
    leaf,
    needs_graph,
    walk_executed,
)
from tfbn.migrate.project import Project
from tfbn.migrate.report import Place
from tfbn.migrate.rule import Rule
from tfbn.migrate.v1_names import LAYERS, NEEDS_GRAPH, SESSIONS_AND_INPUTS

NAME = "v2-behavior"
VALID = [
    "import tensorflow.compat.v1 as tf\ntf.disable_v2_behavior()\nx = tf.placeholder(tf.float32)\n",
    "import tensorflow.compat.v1 as tf\n\ndef main():\n    tf.disable_v2_behavior()\n    tf.Session()\n\n"
    "if __name__ == '__main__':\n    main()\n",
    "import tensorflow as tf\n\nwith tf.compat.v1.Session(graph=graph) as session:\n    pass\n",
    "import tensorflow as tf\nimport tfbn\ndef net(x):\n    return tfbn.batch_norm(x)\n"
    "with tf.Graph().as_default():\n    net(tf.ones([2, 3]))\n",
    "import tensorflow as tf\nimport tfbn\ndef net(x):\n    return tfbn.batch_norm(x)\nmodule = tfbn.TF1Module(net)\n",
    "import tensorflow as tf\nimport tfbn\n@tf.function\ndef net(x):\n    return tfbn.batch_norm(x)\n"
    "print(net(tf.ones([2, 3])))\n",
    "import tfbn\nNETS = {'plain': lambda x: tfbn.batch_norm(x)}\n",
]
INVALID = [
    (
        """\
import tensorflow.compat.v1 as tf

def main():
    with tf.Session() as session:
        print(session.run(tf.get_variable("x", [2]).initializer))

if __name__ == "__main__":
    main()
""",
        7,
    ),
    ("import tensorflow.compat.v1 as tf\nx = tf.placeholder(tf.float32)\ntf.disable_v2_behavior()\n", 2),
    # Layers alone raise, too.
    ("import tfbn\nfrom data import images\nnet = tfbn.batch_norm(images)\n", 3),
    ("import tfbn\ndef net(x):\n    return tfbn.layers.v1.dense(x, 3)\nprint(net(1))\n", 4),
    ("from tensorflow.compat.v1 import Session\nclass Net:\n    def run(self):\n        return Session()\n", 4),
]
_MAY_NEED = re.compile(b"|".join(sorted({name.rpartition(".")[2].encode("ascii") for name in NEEDS_GRAPH | LAYERS})))
ADVICE = (
    "call tensorflow.compat.v1.disable_v2_behavior() in the file that is run, before the first call of TensorFlow "
    "and before the imports that make one"
)


def missing_disable_v2_behavior(project: Project) -> dict[str, list[Finding]]:
    """One finding at each program; where TF1 code has neither a program nor a switch, one at the first such file."""
    graph = project.import_graph
    relevant = graph.relevant()
    needs = {path: need for path in relevant if (need := first_need(graph, path, layers=True))}
    if not needs:
        return {}
    imported = {other for path in relevant for other in graph.imported_files(path) - {path}}
    reaching = [path for path in relevant if not graph.program(path).isdisjoint(needs)]
    programs: list[tuple[str, ast.stmt, ast.FunctionDef | None]] = [
        (path, start, None)
        for path in reaching
        if (start := start_of_program(graph, path, is_imported=path in imported))
    ]
    programs += [(path, function, function) for path, function in entry_points(graph)]
    findings: dict[str, list[Finding]] = {}
    for file, reason in unreadable(graph):
        message = f"it may make commands of this TF1 code, and cannot be read: {reason}"
        advice = "see that each command switches v2 behaviour off, or make the file readable"
        findings[os.path.relpath(file)] = [Finding(NAME, "warning", Place(1, 1), message, advice)]
    reached: set[str] = set()
    for path, start, function in programs:
        program = graph.program(path)
        needing_files = sorted(program & set(needs), key=lambda other: (other != path, other))
        if not needing_files:
            continue
        event = next(ProgramOrder(graph, path, function).events(), None)
        if event is None and (isinstance(start, ast.Assign) or needs[needing_files[0]].full in LAYERS):
            continue  # an assignment may only compute a constant; layers may have a graph around them
        reached |= program
        if event is not None and event.switches_off:
            continue
        where, node = (event.path, event.node.func) if event else (needing_files[0], needs[needing_files[0]].node)
        message = (
            f"this program runs TF1 code (`{ast.unparse(node)}`, {where}:{graph.place(where, node)}), and nothing seen "
            "here switches v2 behaviour off before"
        )
        findings.setdefault(path, []).append(Finding(NAME, "error", graph.place(path, start), message, ADVICE))
    # Where nothing looks like a program, an optimizer or a metric in a function is not enough to ask for one.
    alone = [
        path for path, need in needs.items() if path not in reached and need.full[len(V1) :] in SESSIONS_AND_INPUTS
    ]
    if alone and not findings and not any(_mentions_switch(project, path) for path in relevant):
        message = "TF1 code, and no file of this run switches v2 behaviour off: none looks like the start of a program"
        findings[alone[0]] = [Finding(NAME, "error", graph.place(alone[0], needs[alone[0]].node), message, ADVICE)]
    return findings


def first_need(graph: ImportGraph, path: str, *, layers: bool = False) -> Read | None:
    """The first expression of a file that needs a graph around it, and what it is; with `layers`, also one of tfbn."""
    text = graph.project.text(path)
    has_layers = layers and text.find(b"tfbn") >= 0
    if not (text.find(b"compat") >= 0 or has_layers or graph.may_import_files(path)) or not _MAY_NEED.search(text):
        return None  # nothing here is tf.compat.v1
    calls = [node for node in graph.nodes(path, as_program=True) if isinstance(node, ast.Call)]
    in_own_graph = {id(call.func) for call in calls if has_own_graph(call)}
    reads = [Read(node, graph.resolve(path, node, local).full) for node, local in graph.chains(path)]
    for read in reads:
        if id(read.node) not in in_own_graph and needs_graph(read.full):
            return read
    by_value = next((read for read in graph.read_by_value(path) if needs_graph(read.full)), None)
    return by_value or next((read for read in reads if has_layers and read.full in LAYERS), None)


def start_of_program(graph: ImportGraph, path: str, *, is_imported: bool) -> ast.stmt | None:
    """The statement that shows that a file is run: its `__main__`, or a call in a file that no other imports."""
    body = getattr(graph.tree(path), "body", [])
    for node in body:
        if isinstance(node, ast.If) and is_main_test(node.test):
            return node
    if PurePath(path).stem == "__main__" and body:
        return body[0]
    if is_imported:
        return None
    return next((node for node in body if _runs_something(graph, path, node)), None)


def _runs_something(graph: ImportGraph, path: str, node: ast.stmt) -> bool:
    """Whether a statement of the module calls a function of the project, or starts on a graph."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return False
    calls = [inner for inner in walk_executed(node) if isinstance(inner, ast.Call)]
    if isinstance(node, (ast.Expr, ast.Assign)) and any(definition_of(graph, path, call.func)[1] for call in calls):
        return True
    is_run = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and leaf(node.value.func) == "run"
    return is_run or any(
        needs_graph(full, call) or full in LAYERS for call in calls for full in graph.called(path, call)
    )


def _mentions_switch(project: Project, path: str) -> bool:
    text = project.text(path)
    return any(text.find(switch.encode("ascii")) >= 0 for switch in SWITCHES)


RULE = Rule(
    name=NAME,
    summary="reports programs that reach TF1 code before v2 behaviour is switched off",
    valid=VALID,
    invalid=INVALID,
    check_project=missing_disable_v2_behavior,
)

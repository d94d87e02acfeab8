"""`x.shape[1].value`, where shapes hold plain numbers because TensorFlow 2's behaviour is on."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tfbn.errors import Finding
from tfbn.migrate.dimension_values import dimension_values
from tfbn.migrate.import_graph import ImportGraph
from tfbn.migrate.project import Project
from tfbn.migrate.rule import Rule
from tfbn.migrate.rules.v2_behavior import first_need, start_of_program

NAME = "shape-values"
VALID = [
    "import tensorflow.compat.v1 as tf\ntf.disable_v2_behavior()\ny = tf.ones([2, 3]).shape[1].value\n",
    "import tensorflow as tf\ntf.compat.v1.disable_v2_tensorshape()\ny = tf.ones([2, 3]).shape[1].value\n",
    "import tensorflow as tf\ny = tf.compat.dimension_value(tf.ones([2, 3]).shape[1])\n",
    "import tensorflow as tf\nfor d in x.shape:\n    y = d.value if hasattr(d, 'value') else d\n",
    "import tensorflow as tf\ntry:\n    y = x.shape[1].value\nexcept AttributeError:\n    y = x.shape[1]\n",
    "import tensorflow as tf\ny = x.get_shape().dims[1].value, x.get_shape().as_list()[1], member.value\n",
]
INVALID = [
    (
        """\
import tensorflow as tf

def flatten(x):
    return tf.reshape(x, [-1, x.get_shape()[1].value])
""",
        4,
    ),
    ("import tensorflow as tf\n\ndef sizes(x):\n    shape = x.shape\n    return [d.value for d in shape]\n", 5),
]
SWITCHES = (b"disable_v2_behavior", b"disable_v2_tensorshape")
PROBLEM = "where TensorFlow 2's behaviour is on, shapes hold numbers, which have no `.value`: AttributeError"
ADVICE = (
    "write tf.compat.dimension_value(shape[i]), or call tensorflow.compat.v1.disable_v2_behavior() first in the file "
    "that is run"
)


def check_project(project: Project) -> dict[str, list[Finding]]:
    """One finding at each program that reaches such code without the switch; without a program, one in each file."""
    graph = project.import_graph
    relevant = graph.relevant()
    reading = {path: nodes[0] for path in relevant if (nodes := list(_values(graph, path)))}
    if not reading:
        return {}
    imported = {other for path in relevant for other in graph.imported_files(path) - {path}}
    findings: dict[str, list[Finding]] = {}
    reached: set[str] = set()
    for path in relevant:
        program = graph.program(path)
        read = sorted(program & reading.keys(), key=lambda other: (other != path, other))
        start = start_of_program(graph, path, is_imported=path in imported) if read else None
        if _is_switched(project, program) or any(first_need(graph, other) for other in program):
            reached |= program  # the rule on v2 behaviour says what is missing
        elif start is not None:
            reached |= program
            node = reading[read[0]]
            if read[0] == path:
                findings[path] = [Finding(NAME, "error", graph.place(path, node), _message(node), ADVICE)]
            else:
                where = f"this program reaches {read[0]}:{graph.place(read[0], node)}: {_message(node)}"
                findings[path] = [Finding(NAME, "error", graph.place(path, start), where, ADVICE)]
    for path in sorted(reading.keys() - reached):
        runs_at_once = next(_values(graph, path, in_functions=False), None) is not None
        is_of_tf1 = project.text(path).find(b"compat.v1") >= 0  # programs outside this run may switch
        severity = "warning" if is_of_tf1 and not runs_at_once else "error"
        place = graph.place(path, reading[path])
        findings[path] = [Finding(NAME, severity, place, _message(reading[path]), ADVICE)]
    return findings


def _message(node: ast.expr) -> str:
    return f"`{ast.unparse(node)}`: {PROBLEM}"


def _values(graph: ImportGraph, path: str, *, in_functions: bool = True) -> Iterator[ast.Attribute]:
    text = graph.project.text(path)
    if text.find(b".value") >= 0 and text.find(b"shape") >= 0:
        yield from dimension_values(graph.tree(path) or ast.Module([], []), in_functions=in_functions)


def _is_switched(project: Project, program: set[str]) -> bool:
    return any(project.text(path).find(switch) >= 0 for path in program for switch in SWITCHES)


RULE = Rule(
    name=NAME,
    summary="reports `.value` of a dimension where nothing switches v2 behaviour off",
    valid=VALID,
    invalid=INVALID,
    check_project=check_project,
)

"""A program that trains batch norm layers and never runs their update ops.

The layers and the step are often not in the same file, so a file's check only tells whether it builds such layers.
"""

from __future__ import annotations

import ast

from tfbn.errors import Finding
from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Module
from tfbn.migrate.project import Project
from tfbn.migrate.rule import Rule
from tfbn.migrate.sites import needs_updates, sites

NAME = "updates-not-wired"
VALID = [
    """\
import tensorflow.compat.v1 as tf
import tfbn

def step(images, is_training):
    loss = tf.reduce_mean(tfbn.batch_norm(images, is_training=is_training) ** 2)
    with tf.control_dependencies(tfbn.get_updates()):
        return tf.train.GradientDescentOptimizer(0.1).minimize(loss)
""",
]
INVALID = [
    (
        """\
import tensorflow.compat.v1 as tf
import tfbn

def step(images, is_training):
    loss = tf.reduce_mean(tfbn.batch_norm(images, is_training=is_training) ** 2)
    return tf.train.GradientDescentOptimizer(0.1).minimize(loss)
""",
        6,
    ),
]
MESSAGE = "this step trains batch norm layers, and nothing runs their update ops: moving statistics stay at 0 and 1"
ADVICE = "put it under `with tf.control_dependencies(tfbn.get_updates()):`, or use tfbn.create_train_op"
STEPS = ("minimize", "apply_gradients")


def check_file(module: Module, changes: Changes) -> None:
    changes.trains_batch_norm = any(needs_updates(module, site) for site in sites(module))


def check_project(project: Project) -> dict[str, list[Finding]]:
    """The steps of programs, each a file and what it imports, that build layers and run no updates."""
    findings = {}
    for path, summary in project.summaries.items():
        if summary.steps:
            program = project.import_graph.program(path)
            builds = any(other in project.reports and project.reports[other].trains_batch_norm for other in program)
            if builds and not any(project.summaries[other].wires for other in program):
                findings[path] = _steps(path, project)
    return {path: in_file for path, in_file in findings.items() if in_file}


def _steps(path: str, project: Project) -> list[Finding]:
    graph = project.import_graph
    places = [
        graph.place(path, node)
        for node in ast.walk(graph.tree(path) or ast.Module([], []))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in STEPS
    ]
    return [Finding(NAME, "error", place, MESSAGE, ADVICE) for place in sorted(places)]


RULE = Rule(
    name=NAME,
    summary="reports minimize and apply_gradients where no update op of a batch norm layer is run",
    valid=VALID,
    invalid=INVALID,
    check_file=check_file,
    check_project=check_project,
)

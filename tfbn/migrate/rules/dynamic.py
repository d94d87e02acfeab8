"""Names that are only known at run time: strings, getattr, star imports, modules kept as attributes."""

from __future__ import annotations

import re
from typing import Any

import libcst as cst

from tfbn.errors import Finding
from tfbn.migrate import code_strings, names, v1_names
from tfbn.migrate.across_files import names_from_other_files
from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Module, dotted, last_part
from tfbn.migrate.module_values import V1_MODULE
from tfbn.migrate.project import Project
from tfbn.migrate.rule import Rule, constant_string
from tfbn.migrate.tensorflow_names import V1_ONLY

NAME = "dynamic"
VALID = [
    r'"""As slim.batch_norm does it."""' + "\nimport tensorflow as tf\nx = 'slim', 'batch_norm'\n",
    "import nets\ngetattr(nets, 'slim')\nkeras.layers.dropout(self.layers.conv2d(x))\n",
]
INVALID = [
    (
        """\
import tensorflow.contrib.slim as slim

def layer(name):
    return getattr(slim, name)
""",
        4,
    ),
    # Nothing here says what slim is.
    ("import tensorflow\nfrom ops import *\ny = slim.batch_norm(x)\n", 3),
    ("class Net:\n    def inputs(self):\n        return self.tf.placeholder(self.tf.float32)\n", 3),
]
IN_STRINGS = re.compile(
    r"\b(?:tf|tensorflow)(?:\.compat\.v1)?\.contrib\.(?:layers|slim|framework|losses|training)\b|\btf_slim\b"
    r"|\b(?:slim|layers)\.batch_norm\b|\btf\.layers\.batch_normalization\b"
)
_V1_NAMES = sorted((name for name in V1_ONLY if "." not in name), key=len, reverse=True)
_V1_OF_TF = re.compile(rf"\btf\.(?:{'|'.join(_V1_NAMES)})\b".encode("ascii"))
_IMPORT_OF_TF = re.compile(rb"\b(?:as|import)[ \t(]+tf\b")
RUNNING = code_strings.RUNNERS | {"__import__", "import_module"}
LOOKUPS = ("getattr", "hasattr", "setattr", "delattr", "vars", "dir")


def check_file(module: Module, changes: Changes) -> None:
    starred = _star_imports(module, changes)
    docstrings = {id(node) for node in _docstrings(module)}
    for use in module.uses:
        if is_looked_up(module, use.node):
            changes.find(
                use.node,
                NAME,
                f"a name of {use.name} is looked up at run time",
                "look it up in tfbn or tfbn.layers, which have the same names",
            )
    _report_values(module, changes)
    followed = {id(node) for full, node in module.values.names}
    executed = _strings_that_run(module)
    for node in module.nodes:
        if id(node) in followed:
            continue
        if isinstance(node, cst.SimpleString) and id(node) not in docstrings:
            _report_string(module, changes, node, executed.get(id(node)))
        elif isinstance(node, cst.Attribute) and _is_of_unknown_module(module, node):
            advice = "if it is contrib's, write tfbn.batch_norm, tfbn.arg_scope or tfbn.layers in its place"
            changes.find(node, NAME, f"`{dotted(node)}` comes from a module that cannot be followed here", advice)
        elif isinstance(node, cst.Attribute) and _is_tf1_attribute(module, node):
            advice = "import tensorflow.compat.v1 as tf here, and use that"
            problem = f"`{dotted(node)}` is of a `tf` that cannot be followed here, and TensorFlow 2 has no such name"
            changes.find(node, NAME, problem, advice)
        elif isinstance(node, cst.Name) and starred and _is_unbound(module, node):
            origins = [origin for origin in starred if names.known(f"{origin}.{node.value}")]
            if origins:
                advice = "import the names by themselves instead of *, and run tfbn migrate again"
                changes.find(node, NAME, f"`{node.value}` comes from a star import of {origins[0]}", advice)


def _report_string(module: Module, changes: Changes, node: Any, code: str | None) -> None:
    """Reports a string that names contrib, or has code that TensorFlow 2 cannot run; `code` is all code of its call."""
    text = constant_string(node) or ""
    severity = "warning" if code is None else "error"
    if match := IN_STRINGS.search(text):
        advice = "where the string names code, write the name in tfbn"
        changes.find(node, NAME, f"a string names `{match[0]}`", advice, severity=severity)
    elif code_strings.imports_tensorflow(text):
        lacking = sorted(filter(names.is_lacking, code_strings.own_names(code or text)))
        if lacking:
            name = lacking[0].replace("tensorflow", "tf", 1)
            problem = f"a string holds code that reads {name}, which TensorFlow 2 does not have"
            advice = f"{'where it is run, ' if code is None else ''}import tensorflow.compat.v1 in the string"
            changes.find(node, NAME, problem, advice, severity=severity)


def _strings_that_run(module: Module) -> dict[int, str]:
    """For each string that a call runs, directly or under a name, by its id: all the code of the call."""
    calls: dict[int, list[Any]] = {}
    for node in module.nodes:
        if isinstance(node, (cst.SimpleString, cst.Name)):
            for above in module.parents(node):
                if isinstance(above, cst.Call) and last_part(above.func) in RUNNING:
                    calls.setdefault(id(above), []).append(module.assigned_value(node))
    code = {call: "\n".join(constant_string(string) or "" for string in strings) for call, strings in calls.items()}
    return {id(string): code[call] for call, strings in calls.items() for string in strings}


def _report_values(module: Module, changes: Changes) -> None:
    """Reports what is read through modules used as values, and where these cannot be followed."""
    reported = set()
    for full, node in module.values.names:
        if names.is_dead(full) and id(node) not in reported:
            reported.add(id(node))
            problem = f"`{' '.join(module.text(node).split())}` may be {full}, which TensorFlow 2 does not have"
            changes.find(
                node, NAME, problem, "write the name as an attribute of its module, and run tfbn migrate again"
            )
    if changes.v1_imports:
        return  # the modules are tf.compat.v1's then
    for full, node in module.values.lookups:
        if not full.startswith(V1_MODULE):
            problem = f"a name of {full} is looked up at run time, where TensorFlow 2 lacks some of TensorFlow 1's"
            advice = "where the code is TF1, look it up in the same module of tensorflow.compat.v1"
            changes.find(node, NAME, problem, advice, severity="warning")
    for full, node in module.values.passed_on:
        if not full.startswith(V1_MODULE):
            problem = f"{full} is passed to a function that is not in this file, and is not followed there"
            advice = "import TensorFlow where it is used, and run tfbn migrate again"
            changes.find(node, NAME, problem, advice, severity="warning")


def is_looked_up(module: Module, node: Any) -> bool:
    """Whether a module is the first argument of getattr and the like."""
    argument = module.parent(node)
    call = module.parent(argument)
    return (
        isinstance(argument, cst.Arg)
        and isinstance(call, cst.Call)
        and call.args[0] is argument
        and isinstance(call.func, cst.Name)
        and call.func.value in LOOKUPS
    )


def _star_imports(module: Module, changes: Changes) -> list[str]:
    origins = []
    for node in module.nodes:
        if isinstance(node, cst.ImportFrom) and isinstance(node.names, cst.ImportStar) and not node.relative:
            origin = dotted(node.module)
            if names.is_dead(origin):
                origins.append(origin)
                advice = "import the names by themselves instead of *, and run tfbn migrate again"
                changes.find(node, NAME, f"a star import: {names.what_is_wrong(origin)}", advice)
    return origins


def _docstrings(module: Module) -> list[Any]:
    """The values of expression statements, docstrings among them."""
    return [node.value for node in module.nodes if isinstance(node, cst.Expr)]


def _is_unbound(module: Module, node: Any) -> bool:
    scope = module.scope(node)
    return scope is not None and module.is_load(node) and not any(True for _ in scope[node.value])


def _is_of_unknown_module(module: Module, node: Any) -> bool:
    """`self.slim.batch_norm`, `nets.slim.conv2d`, and `slim.conv2d` where nothing binds slim."""
    parts = dotted(node).split(".")
    if len(parts) < 2 or names.known(f"tf_slim.{parts[-1]}") is None:
        return False
    candidates, _ = module.resolve(node)
    if any(names.below_tensorflow(name) is not None for name in candidates):
        return False
    root = node
    while isinstance(root, cst.Attribute):
        root = root.value
    # A project may have a package called slim or contrib, but hardly an attribute with that name.
    inner = parts[:-1] if _is_unbound(module, root) else parts[1:-1]
    return inner[-1:] == ["slim"] or ("contrib" in inner and inner[-1] == "layers")


def _is_tf1_attribute(module: Module, node: Any) -> bool:
    """`self.tf.placeholder`: a name that only TF1 has, below a `tf` that cannot be followed."""
    whole = module.parent(node)
    if isinstance(whole, cst.Attribute) and _is_tf1_attribute(module, whole):
        return False  # the longer chain is reported
    before, separator, name = f".{dotted(node)}".rpartition(".tf.")
    if not separator or any(names.below_tensorflow(full) is not None for full in module.resolve(node)[0]):
        return False
    if not before and not _comes_from_elsewhere(module, node):
        return False
    return v1_names.v1_only(name) == name or names.known(f"tensorflow.{name}") is not None


def _comes_from_elsewhere(module: Module, node: Any) -> bool:
    """Whether a chain's first name is unbound here, or bound only by assignments of unknown values."""
    while isinstance(node, cst.Attribute):
        node = node.value
    scope = module.scope(node)
    assignments = list(scope[node.value]) if scope is not None else []
    return all(isinstance(module.parent(getattr(bound, "node", None)), cst.AssignTarget) for bound in assignments)


def check_project(project: Project) -> dict[str, list[Finding]]:
    return names_from_other_files(project, NAME)


def worth_parsing(raw: bytes) -> bool:
    """Whether a file reads names of a `tf` that it keeps as an attribute, or that none of its imports binds."""
    if raw.find(b"tf.") < 0:
        return False
    return raw.find(b".tf.") >= 0 or (not _IMPORT_OF_TF.search(raw) and bool(_V1_OF_TF.search(raw)))


RULE = Rule(
    name=NAME,
    summary="reports strings, getattr, star imports and attributes that name contrib or slim, and `tf` of another file",
    valid=VALID,
    invalid=INVALID,
    check_file=check_file,
    check_project=check_project,
    worth_parsing=worth_parsing,
)

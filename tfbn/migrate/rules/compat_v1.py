"""`import tensorflow as tf` in TF1 code becomes the import of TensorFlow's own compatibility module."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import libcst as cst

from tfbn.migrate import names, syntax, v1_names
from tfbn.migrate.changes import Changes
from tfbn.migrate.dimension_values import dimension_values
from tfbn.migrate.module import Module, source_module
from tfbn.migrate.prepared import is_caught
from tfbn.migrate.rule import Rule, constant_string, keyword_arguments
from tfbn.migrate.source.prefilter import mentions_tensorflow
from tfbn.migrate.tensorflow_names import LOST_ARGUMENTS

NAME = "compat-v1"
VALID = [
    # Code that is prepared for both versions.
    "import tensorflow as tf\ntry:\n    log = tf.log\nexcept AttributeError:\n    log = tf.math.log\n",
    "import tensorflow as tf\ny = tf.function(print)\n",
]
INVALID: list[tuple[str, str | int]] = [
    (
        """\
import tensorflow as tf

def main():
    with tf.Session() as session:
        print(session.run(tf.get_variable("x", [2]).initializer))

if __name__ == "__main__":
    main()
""",
        """\
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()

def main():
    with tf.Session() as session:
        print(session.run(tf.get_variable("x", [2]).initializer))

if __name__ == "__main__":
    main()
""",
    ),
    # A script without a session, whose layers raise in eager mode.
    (
        "import tensorflow as tf\nx = tf.layers.flatten(tf.zeros([2, 3]))\n",
        "import tensorflow.compat.v1 as tf\nimport tfbn\n\ntf.disable_v2_behavior()\n"
        "x = tfbn.layers.v1.flatten(tf.zeros([2, 3]))\n",
    ),
    # A test whose session is none in eager mode.
    (
        "import tensorflow as tf\nclass ATest(tf.test.TestCase):\n    def test_a(self):\n"
        "        with self.test_session() as session:\n            session.run(tf.zeros([]))\n",
        "import tensorflow.compat.v1 as tf\nclass ATest(tf.test.TestCase):\n    def test_a(self):\n"
        "        with self.test_session() as session:\n            session.run(tf.zeros([]))\n",
    ),
    # compat.v1 lacks some names of TensorFlow 2.
    ("import tensorflow as tf\nx = tf.placeholder(tf.float32)\ny = tf.random.set_seed(1)\n", 3),
    # `import tensorflow.train` binds `tensorflow`, which is TensorFlow 2.
    ("import tensorflow.train\nx = tensorflow.train.Saver\n", 1),
]


_EVAL = re.compile(r"\.eval\(\s*(?:session\s*=\s*\w+\s*)?\)")


def check_file(module: Module, changes: Changes) -> None:
    used = mentions(module)
    is_upgraded = any(name.startswith("compat.v1.") for name, _ in used)
    foreign_uses = module.surroundings.used  # in other files, by names that this one binds
    is_of_tf1 = bool(module.uses) or any(lost_arguments(module)) or _reads_dimensions(module)
    is_of_tf1 = is_of_tf1 or session_of_test(module) is not None
    is_v1 = bool(v1_mentions(module)) or (is_of_tf1 and not is_upgraded) or any(map(_is_of_v1, foreign_uses))
    v2_uses = [(part, node) for name, node in used if (part := v1_names.v2_only(name))]
    if not v2_uses:
        home = next((b.statement for b in module.bindings() if b.local in module.surroundings.shared), module.tree)
        v2_uses = [(part, home) for name in sorted(foreign_uses) if (part := v1_names.v2_only(name))]
    if is_v1 and v2_uses:
        name, node = v2_uses[0]
        changes.find(
            node,
            NAME,
            f"TF1 code that also uses tf.{name}, which tf.compat.v1 does not have: its import stays",
            "import tensorflow.compat.v1 under a second name and use that where the code is TF1",
        )
    elif is_v1:
        changes.v1_imports = NAME
        changes.is_program = _is_program(module) and not re.search(rb"\bdisable_(v2_behavior|eager_exec)", module.data)


def session_of_test(module: Module) -> Any:
    """The first session of a test that eager mode does not give: there `test_session()` is None, and eval() raises."""
    if b"self.test_session(" not in module.data and b"self.cached_session(" not in module.data:
        return None
    for node in module.nodes:
        if isinstance(node, cst.With) and not any(
            _opens_graph(module, outer) for outer in (node, *module.parents(node))
        ):
            opened = {module.text(item.item).partition("(")[0]: item.asname for item in node.items}
            if opened.get("self.test_session") is not None:
                return node
            is_session = not opened.keys().isdisjoint({"self.test_session", "self.cached_session"})
            if is_session and _EVAL.search(module.text(node)):
                return node
    return None


def _opens_graph(module: Module, node: Any) -> bool:
    return isinstance(node, cst.With) and any("as_default" in module.text(item.item) for item in node.items)


def _reads_dimensions(module: Module, *, in_functions: bool = True) -> bool:
    if b".value" not in module.data:
        return False
    values = dimension_values(syntax.parse(module.data), in_functions=in_functions)
    return next(values, None) is not None


def _is_of_v1(name: str) -> bool:
    return v1_names.v1_only(name) is not None or names.is_dead(f"tensorflow.{name}")


@lru_cache(maxsize=1)  # several rules ask for each file
def mentions(module: Module) -> list[tuple[str, Any]]:
    """The names that the module reads or imports from `tensorflow` itself, such as `train.Saver`, with their nodes."""
    imported = {id(b.alias): b for b in module.bindings() if isinstance(b.statement, cst.ImportFrom)}
    uses = []
    for node in module.nodes:
        if id(node) in imported:
            uses.append((_below_plain_tensorflow(imported[id(node)].name), node))
        elif isinstance(node, (cst.Attribute, cst.Name)) and module.is_load(node):
            parent = module.parent(node)
            if not (isinstance(parent, cst.Attribute) and parent.value is node):
                uses.append((_below_plain_tensorflow(module.name(node)), node))
    uses += [(_below_plain_tensorflow(full), node) for full, node in module.values.names]
    uses += _starred(module)
    return [(name, node) for name, node in uses if name]


def _starred(module: Module) -> Iterator[tuple[str, Any]]:
    """The names that only TensorFlow 1 has, where `from tensorflow import *` would have brought them."""
    stars = [
        node for node in module.nodes if isinstance(node, cst.ImportFrom) and isinstance(node.names, cst.ImportStar)
    ]
    homes = [below for star in stars if (below := names.below_tensorflow(source_module(star))) is not None]
    if not homes or any("compat" in source_module(star) for star in stars):
        return
    for node in module.nodes:
        if isinstance(node, cst.Name) and module.is_load(node) and module.scope(node) is not None:
            if not module.scope(node)[node.value]:
                yield from (
                    (f"{home}.{node.value}".lstrip("."), node)
                    for home in homes
                    if v1_names.v1_only(f"{home}.{node.value}".lstrip("."))
                )


def v1_mentions(module: Module) -> list[tuple[str, Any]]:
    """The mentions that TensorFlow 2 lacks, without those of other rules and those that are caught."""
    assigned = {module.name(node) for node in module.nodes if isinstance(node, cst.Attribute) and module.is_store(node)}
    return [
        (part, node)
        for name, node in mentions(module)
        if (part := v1_names.v1_only(name))
        and not names.is_dead(f"tensorflow.{name}")
        and f"tensorflow.{part}" not in assigned
        and not is_caught(module, node)
    ]


def has_signs_of_tf1(module: Module) -> bool:
    """Whether a file that has TensorFlow 2 under its name is code for TensorFlow 1, or was."""
    is_upgraded = any(name.startswith("compat.v1.") for name, _ in mentions(module))
    return is_upgraded or bool(module.uses) or bool(v1_mentions(module))


def lost_arguments(module: Module) -> Iterator[tuple[str, Any]]:
    """The arguments of calls of `tensorflow` itself that only TensorFlow 1 takes: the function's name, and the node."""
    for node in module.nodes:
        if isinstance(node, cst.Call):
            name = _below_plain_tensorflow(module.name(node.func))
            lost = LOST_ARGUMENTS.get(name, "").split()
            if lost and not is_caught(module, node):
                yield from ((name, arg) for keyword, arg in keyword_arguments(node).items() if keyword in lost)


def _below_plain_tensorflow(name: str) -> str:
    """`train.Saver` for `tensorflow.train.Saver`; empty for another package."""
    return name.partition("tensorflow.")[2] if name.startswith("tensorflow.") else ""


def _is_program(module: Module) -> bool:
    """Whether the file is run, rather than imported."""
    for node in module.nodes:
        if isinstance(node, cst.Comparison) and isinstance(node.left, cst.Name) and node.left.value == "__name__":
            return any(constant_string(part.comparator) == "__main__" for part in node.comparisons)
        if isinstance(node, cst.Call) and _starts_on_graph(module, node):
            if not any(isinstance(above, (cst.FunctionDef, cst.ClassDef)) for above in module.parents(node)):
                return True
    return _reads_dimensions(module, in_functions=False)


def _starts_on_graph(module: Module, call: cst.Call) -> bool:
    known = module.known(call.func)
    is_layer = known is not None and known.target in v1_names.LAYERS
    return is_layer or names.below_tensorflow(module.name(call.func)) in v1_names.IN_PROGRAMS


RULE = Rule(
    name=NAME,
    summary="turns `import tensorflow as tf` into the compat.v1 import where the module is TF1 code",
    valid=VALID,
    invalid=INVALID,
    check_file=check_file,
    worth_parsing=mentions_tensorflow,
    chosen=True,
    first=True,  # others depend on whether TensorFlow's name will stand for compat.v1
)

"""Names that Python 2 has as builtins, in files that parse all the same."""

from __future__ import annotations

import re

import libcst as cst

from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Module
from tfbn.migrate.rule import Rule
from tfbn.migrate.source.prefilter import mentions_tensorflow

NAME = "python2-names"
SUCCESSORS = {
    "basestring": "str",
    "cmp": "(x > y) - (x < y)",
    "execfile": "runpy.run_path",
    "file": "open",
    "intern": "sys.intern",
    "long": "int",
    "raw_input": "input",
    "reduce": "functools.reduce",
    "reload": "importlib.reload",
    "unichr": "chr",
    "unicode": "str",
    "xrange": "range",
}
VALID = [
    "import tensorflow as tf\nfrom six.moves import xrange\nfor i in xrange(3):\n    tf.nn.relu(i)\n",
    "import tensorflow as tf\ntry:\n    text = basestring\nexcept NameError:\n    text = str\n",
    "import sys\nimport tensorflow as tf\ntext = unicode if sys.version_info[0] < 3 else str\n",
    "import tensorflow as tf\n\ndef f(long, tf=tf):\n    return long, tf.unicode, dict(cmp=long)\n",
    "import tensorflow as tf\nfrom compat import *\nprint(xrange(3))\n",
]
INVALID = [
    (
        """\
import tensorflow as tf

def network(layers):
    for layer in layers:
        if isinstance(layer, basestring):
            layer = tf.get_default_graph().get_tensor_by_name(layer)
        yield layer
""",
        5,
    ),
    ("import tensorflow as tf\nx = [tf.zeros([i]) for i in xrange(3)]\ny = xrange(4)\n", 2),
]
_NAMES = re.compile(rb"\b(?:" + "|".join(SUCCESSORS).encode("ascii") + rb")\b")
_PREPARED = re.compile(r"\b(?:version_info|PY2|PY3|python_version)\b")


def check_file(module: Module, changes: Changes) -> None:
    if any(isinstance(node, cst.ImportStar) for node in module.nodes):
        return  # which may well bind them
    reported = set()
    for node in module.nodes:
        if isinstance(node, cst.Name) and node.value in SUCCESSORS and module.is_load(node):
            scope = module.scope(node)
            if scope is None or scope[node.value] or node.value in reported or _is_prepared(module, node):
                continue
            reported.add(node.value)
            problem = f"Python 3 has no {node.value}: the program raises NameError there"
            changes.find(node, NAME, problem, f"write {SUCCESSORS[node.value]}, or run 2to3 over the file first")


def _is_prepared(module: Module, node: cst.Name) -> bool:
    """Whether the name is read in the body of a `try` that may catch its absence, or behind a test of the version."""
    child = node
    for above in module.parents(node):
        if isinstance(above, cst.Try) and above.body is child:
            caught = [module.text(handler.type) if handler.type else "Exception" for handler in above.handlers]
            if re.search(r"\b(?:NameError|Exception)\b", " ".join(caught)):
                return True
        if isinstance(above, (cst.If, cst.IfExp)) and _PREPARED.search(module.text(above.test)):
            return True
        child = above
    return False


def worth_parsing(raw: bytes) -> bool:
    """Whether a file of TensorFlow mentions one of the names."""
    return mentions_tensorflow(raw) and _NAMES.search(raw) is not None


RULE = Rule(
    name=NAME,
    summary="reports builtins of Python 2, such as xrange, that nothing in the file binds",
    valid=VALID,
    invalid=INVALID,
    check_file=check_file,
    worth_parsing=worth_parsing,
)

"""tfbn keeps the rules about imports, and the check of each rule finds what breaks it in small made-up packages."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.imports import (
    Package,
    cycles,
    keras_violations,
    layering_violations,
    private_violations,
    unused_permissions,
)

PACKAGE = Package.of_folder(Path(__file__).resolve().parents[1] / "tfbn")
CHECKS = [layering_violations, unused_permissions, cycles, private_violations, keras_violations]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_package(check):
    """The package keeps the rule."""
    assert "graph.batch_norm" in PACKAGE.modules
    assert list(check(PACKAGE)) == []


@pytest.mark.parametrize("module", sorted(PACKAGE.modules))
def test_annotations_are_not_evaluated(module):
    """`X | Y` in annotations is free to use only where Python 3.9 does not evaluate them."""
    tree = PACKAGE.modules[module].tree
    uses = any(
        isinstance(part, ast.BinOp) and isinstance(part.op, ast.BitOr)
        for node in ast.walk(tree)
        for annotation in [getattr(node, "annotation", None), getattr(node, "returns", None)]
        if annotation is not None
        for part in ast.walk(annotation)
    )
    future = any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body)
    assert future or not uses


@pytest.mark.parametrize(
    ("sources", "violation"),
    [
        ({"ops/layout.py": "import tfbn.core.policy", "core/policy.py": ""}, "which is not below ops"),
        (
            {"ops/layout.py": "from tfbn.functional import init", "functional.py": ""},
            "imports functional, which is not",
        ),
        ({"graph/layer.py": "from ..module import BatchNorm", "module.py": ""}, "imports module, which is not below"),
        ({"functional.py": "def f():\n  from . import graph", "graph/__init__.py": ""}, "functional:2: imports graph"),
        (
            {"graph/batch_norm.py": "from tfbn.ops import layout", "ops/layout.py": ""},
            r"for \['arguments', 'core'\] only",
        ),
        ({"recalibrate.py": "from tfbn.ops import layout", "ops/layout.py": ""}, r"for \['arguments', 'core'\] only"),
        ({"migrate/rules.py": "from tfbn.graph import arg_scope", "graph/arg_scope.py": ""}, "migrate stands apart"),
        ({"fold/chains.py": "from tfbn.graph import layer", "graph/layer.py": ""}, "fold stands apart"),
        ({"graphdef/graph.py": "from tfbn.graph import layer", "graph/layer.py": ""}, "which is not below graphdef"),
        ({"layers/conv.py": "from tfbn import batch_norm", "__init__.py": ""}, "imports tfbn itself"),
        ({"layers/conv.py": "import tfbn", "__init__.py": ""}, "imports tfbn itself"),
        ({"helpers.py": ""}, "the unit 'helpers' has no level"),
        (
            {
                "errors.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  import tfbn.ops",
                "ops/__init__.py": "",
            },
            "errors:3: imports ops",
        ),
    ],
)
def test_layering_violations_are_found(sources, violation):
    """Each way to import past the rule is seen, wherever the import stands."""
    (found,) = layering_violations(Package.of_sources(sources))
    with pytest.raises(AssertionError, match=violation):
        raise AssertionError(found)


def test_layering_permits_what_the_architecture_draws():
    """Downward imports, imports within a unit and other packages are no violations."""
    sources = {
        "__init__.py": "from tfbn.errors import CompatibilityWarning",
        "errors.py": "import enum",
        "ops/layout.py": "import tensorflow as tf\nfrom tfbn.errors import CompatibilityWarning",
        "core/policy.py": "from tfbn.ops import layout",
        "functional.py": "from tfbn.core import policy",
        "graph/layer.py": "from ..errors import CompatibilityWarning",
        "graph/batch_norm.py": "import tfbn.functional\nfrom . import layer",
        "graphdef.py": "from tfbn import errors",
        "fold.py": "from tfbn import graphdef",
        "migrate/rules.py": "from tfbn.files import replace\nfrom tfbn.migrate import rules",
        "files.py": "",
        "migrate/__init__.py": "",
        "cli.py": "from tfbn import migrate, fold",
    }
    assert list(layering_violations(Package.of_sources(sources))) == []
    assert list(cycles(Package.of_sources(sources))) == []


def test_unused_permissions_are_found():
    """A permission without an import is reported, be it the importer's or the imported unit's."""
    sources = {"migrate/a.py": "from tfbn import files", "ops/b.py": "", "core/c.py": "from tfbn.ops import b"}
    package = Package.of_sources({**sources, "files.py": "", "progress.py": ""})
    found = [
        *("migrate may import errors", "migrate may import progress"),
        *("fold may import errors", "fold may import graphdef", "fold may import paths", "fold may import progress"),
        "arguments may import ops",
    ]
    assert list(unused_permissions(package)) == found


def test_cycles_are_found():
    """A cycle is reported with its path, be it closed inside a function; an import for type checkers closes none."""
    a, b = "from tfbn.graph import b", "import tfbn.graph.c"
    for c, expected in [
        ("from . import a", ["graph.a -> graph.b -> graph.c -> graph.a"]),
        ("def f():\n  from . import a", ["graph.a -> graph.b -> graph.c -> graph.a"]),
        ("import typing\nif typing.TYPE_CHECKING:\n  from . import a", []),
    ]:
        package = Package.of_sources({"graph/a.py": a, "graph/b.py": b, "graph/c.py": c})
        assert list(cycles(package)) == expected


@pytest.mark.parametrize(
    ("source", "violation"),
    [
        ("from tensorflow.python.framework import ops", "imports tensorflow.python.framework.ops"),
        ("import tensorflow.python.ops as o", "imports tensorflow.python.ops"),
        ("def f():\n  from tensorflow import python", "graph.x:2: imports tensorflow.python"),
        ("from tensorflow.core.framework import graph_pb2", "imports tensorflow.core.framework.graph_pb2"),
        ("import tensorflow as tf\ntf.__internal__.foo()", "graph.x:2: uses tf.__internal__"),
        ("import tensorflow.compat.v1 as v1\nv1.python.ops", "uses v1.python"),
        ("import tensorflow as tf\nv1 = tf.compat.v1\nv1._foo()", "uses v1._foo"),
        ("from tensorflow.compat import v1\nv1.Graph._foo", "uses v1.Graph._foo"),
        ("def f(graph):\n  graph._nodes", "graph.x:2: uses graph._nodes"),
        ("class A:\n  def f(self):\n    self.graph._nodes", "graph.x:3: uses self.graph._nodes"),
        ("def f(op):\n  op.graph.get()._nodes = 1", "graph.x:2: uses op.graph.get()._nodes"),
        ("def f(x):\n  return getattr(x, '_keras_mask', None)", "names _keras_mask"),
        ("import importlib\nimportlib.import_module('tensorflow.python.ops')", "names tensorflow.python.ops"),
    ],
)
def test_private_uses_are_found(source, violation):
    """Each way to reach what TensorFlow does not publish is seen, and permitted in `_tensorflow.py` alone."""
    found = list(private_violations(Package.of_sources({"graph/x.py": source})))
    assert [violation in text for text in found] == [True]
    assert list(private_violations(Package.of_sources({"_tensorflow.py": source}))) == []


def test_our_own_underscored_names_are_no_private_uses():
    """What is ours may start with an underscore, and so may the methods of named tuples."""
    sources = {
        "graph/x.py": """
import sys
import tensorflow as tf
from tfbn import _tensorflow
from tfbn.graph import y
sys._getframe()
def scoped(): scoped._key = 1
getattr(y.scoped, "_key")
tf.__version__
class Layer(tf.Module):
    _field: int
    def __init__(self):
        self._state = super().__init__()
    @classmethod
    def make(cls, other):
        return cls._build(other._state, other._field, y._helper, self._name_scope, other._replace(a=1))
""",
        "graph/y.py": "def _helper(): pass",
        "_tensorflow.py": "",
    }
    assert list(private_violations(Package.of_sources(sources))) == []


@pytest.mark.parametrize(
    ("source", "violation"),
    [
        ("import keras", "imports keras"),
        ("from tf_keras.layers import Layer", "imports tf_keras.layers.Layer"),
        ("from tensorflow import keras", "imports tensorflow.keras"),
        ("if True:\n  import tensorflow.keras.layers", "keras:2: imports tensorflow.keras.layers"),
        ("import tensorflow as tf\nclass A(tf.keras.layers.Layer):\n  pass", "keras:2: uses tf.keras"),
        ("import tensorflow as tf\ndef f(a=tf.keras):\n  pass", "keras:2: uses tf.keras"),
    ],
)
def test_keras_is_found(source, violation):
    """Keras is seen wherever importing the module would load it, even in the module that is about Keras."""
    assert [violation in text for text in keras_violations(Package.of_sources({"keras.py": source}))] == [True]


def test_keras_may_be_loaded_by_a_function():
    """Imports inside functions, and those for type checkers, load no Keras by themselves."""
    source = """
from __future__ import annotations
from typing import TYPE_CHECKING
import tensorflow as tf
if TYPE_CHECKING:
    import keras
def to_keras(layer: keras.Layer) -> tf.keras.Layer:
    import keras
    return tf.keras.layers.Layer()
"""
    assert list(keras_violations(Package.of_sources({"keras.py": source}))) == []

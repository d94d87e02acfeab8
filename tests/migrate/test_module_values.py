"""Modules of TensorFlow as values: what is read of them elsewhere, and what cannot be followed."""

from __future__ import annotations

import sys

import pytest

from tests.migrate.helpers import findings, migrated, reported, run
from tfbn.migrate import driver

PLAIN = "import tensorflow\nimport tensorflow as tf\n"
# Below PLAIN: each reads a name that TensorFlow 2 lacks, on its last line.
READS = [
    "def f(lib=tf):\n    return lib.Session()",
    "def f(*, tf=tf):\n    return tf.Session()",
    "tf, np = tensorflow, 1\ntf.Session()",
    "[a, *b] = 1, tf\nb[0].Session()",
    "if (t := tf) and t.Session(): pass",
    "t = tf if tf.executing_eagerly() else None\nt.Session()",
    "t = None or tf\nt.Session()",
    "tf = tf\ntf.Session()",
    "if f():\n    import numpy as tf\ntf.Session()",
    "class A:\n    lib = tf\nA.lib.Session()",
    "class A:\n    def __init__(self, lib):\n        self.lib = lib\n    f = lambda self: self.lib.Session()\nA(tf)",
    "class A:\n    lib: object\nA(tf).lib.Session()",
    "(tf if x else None).Session()",
    "[tf][0].Session()",
    "code = 'tf.Session()'\nexec(code)",
    "setattr(A, 'lib', tf)\nA.lib.Session()",
    "globals()['t'] = tf\nt.Session()",
    "def lib():\n    return tf\nlib().Session()",
    "def lib():\n    import tensorflow as t\n    return t\nlib().Session()",
    "lib = lambda: tf\nlib().Session()",
    "def f(lib): return lib.Session()\nf(tf), (lambda x: x)(1)\ndef g(x): return x",
    "for t in [tf]:\n    t.Session()",
    "[t.Session() for t in (tf,)]",
    "libs = {'tf': tf}\nlibs['tf'].Session()",
    "getattr(tf, 'Session')()",
    "getattr(tf.train, kind + 'Optimizer')(0.1)",
    "getattr(tf.train, f'{kind}Optimizer')(0.1)",
    "getattr(tf.train, {'adam': 'AdamOptimizer'}[kind])(0.1)",
    "vars(tf)['Session']()",
    "tf.__dict__['Session']()",
    "operator.attrgetter('Session')(tf)()",
    "eval('tf.Session()')",
    "exec('s = tf.' + 'Session()' + 'tf.Session()')",
    "def f():\n    t = importlib.import_module('tensorflow')\n    t.Session()",
    "__import__('tensorflow').Session()",
    "sys.modules['tensorflow'].Session()",
    "from tensorflow import *\nSession()",
    "def f(lib):\n    return lib.Session()\nf(**{'n': 1, 'lib': tf})",
    "def f(lib):\n    return lib.Session()\nkw = {'lib': tf}\nf(**kw)",
    "def f(lib):\n    return lib.Session()\nf(**dict(lib=tf))",
    "def f(**kw):\n    return kw['lib'].Session()\nf(**{'lib': tf})",
    "def f(n, lib):\n    return lib.Session()\nargs = 1, tf\nf(*args)",
    "def f(n, lib):\n    return lib.Session()\npartial(f, 1, tf)()",
    "def f(lib):\n    return lib.Session()\npartial(f, lib=tf)()",
    "timeit.timeit('tf.Session()', globals=globals())",
    "setup = 'import numpy; s = tf.Session()'\nTimer(stmt='s.run(1)', setup=setup, globals=globals())",
    "cProfile.run('tf.Session()')",
]
# Python 3.9 does not parse them.
MATCHES = [
    "match tf:\n    case lib:\n        lib.Session()",
    "match (tf, 1):\n    case (lib, n):\n        lib.Session()",
    "match [tf]:\n    case [*libs]:\n        libs[0].Session()",
    "def f(x):\n    match x:\n        case {'k': v, **rest}:\n            rest['m'].Session()\nf({'k': 1, 'm': tf})",
]
if sys.version_info >= (3, 10):
    READS += MATCHES


def of_kind(source, *kinds, **options):
    """Severity and problem of the findings of these rules."""
    return [(found.severity, found.problem) for found in run(source, **options).findings if found.kind in kinds]


@pytest.mark.parametrize("body", READS)
def test_names_are_followed(body):
    """To where they are read: they are found there, and with --compat-v1 the import is TF1's."""
    source = f"{PLAIN}{body}\n"
    ((severity, problem),) = of_kind(source, "tf1-names")
    assert severity == "error"
    assert problem.startswith(("TensorFlow 2 has no tf.Session", "TensorFlow 2 has no tf.train.A"))
    after = run(source, compat=True).after.decode()
    assert "import tensorflow.compat.v1 as tf\n" in after
    # Then what is left is to switch v2 behaviour off, or what returns TensorFlow 2 whatever the imports are.
    assert findings(after) != [] or "disable_v2_behavior" in after


@pytest.mark.parametrize(
    "body",
    [
        "def f(lib):\n    return lib.Session()",
        "def f(x):\n    return x\nf(tf)\ndef g(x):\n    return x.Session()",
        "class A:\n    lib = 1\nA.lib.Session()",
        "tf, np = tensorflow, f()\nnp.Session()",
        "getattr(tf, 'Session', None)",
        "getattr(tf.keras.layers, name)",
        "print(tf, isinstance(tf, object))",
        "def f(tf=tf):\n    return tf.zeros([1])",
        "def f(lib, other):\n    return other.Session()\nf(**{'lib': tf, 'other': 1})",
        "timeit.timeit('tf.zeros([1])', globals=globals())",
        "t = importlib.import_module('tensorflow.compat.v1')",
        "try:\n    import tensorflow.compat.v1 as t\nexcept ImportError:\n    t = tf\ndef f(lib=t):\n    lib.log",
    ],
)
def test_what_is_not_tensorflow_is_left_alone(body):
    """Nor what is there in TensorFlow 2, or prepared for both."""
    assert findings(f"{PLAIN}{body}\n") == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("getattr(tf.train, name)(0.1)", "a name of tensorflow.train is looked up at run time"),
        ("vars(tf)[name]", "a name of tensorflow is looked up at run time"),
        ("eval('tf.train.' + name)", "a name of tensorflow.train is looked up at run time"),
        ("build(tf)", "tensorflow is passed to a function that is not in this file"),
        ("build(lib=tf.nn)", "tensorflow.nn is passed to a function that is not in this file"),
    ],
)
def test_what_cannot_be_followed_is_a_warning(body, problem):
    """Nothing where the module is tf.compat.v1, which has the names of TensorFlow 1."""
    ((severity, text),) = of_kind(f"{PLAIN}{body}\n", "dynamic")
    assert severity == "warning"
    assert text.startswith(problem)
    assert findings(f"import tensorflow.compat.v1 as tf\n{body}\n") == []
    assert of_kind(f"{PLAIN}{body}\nx = tf.log(1.0)\n", "dynamic", compat=True) == []


def test_dead_names():
    """Which --compat-v1 does not bring back."""
    ((severity, text),) = of_kind(f"{PLAIN}def f(lib=tf):\n    return lib.contrib.rnn\n", "dynamic")
    assert (severity, text) == (
        "error",
        "`lib.contrib.rnn` may be tensorflow.contrib.rnn, which TensorFlow 2 does not have",
    )


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("t = importlib.import_module('tensorflow')", "t = importlib.import_module('tensorflow.compat.v1')"),
        ('t = import_module("tensorflow.train")', 't = import_module("tensorflow.compat.v1.train")'),
        ("from tensorflow import *", "from tensorflow.compat.v1 import *"),
    ],
)
def test_other_imports(line, after):
    """They are brought to compat.v1, too."""
    body = "\nimport tensorflow as tf\ndef f():\n    return tf.log\n"
    assert migrated(line + body, compat=True) == after + body.replace("tensorflow as", "tensorflow.compat.v1 as")


@pytest.mark.parametrize("call", ["__import__('tensorflow')", "sys.modules['tensorflow']"])
def test_what_stays_tensorflow_2(call):
    """It is reported with --compat-v1 as without."""
    assert findings(f"t = {call}\nt.Session()\n", compat=True)[0] == ("compat-v1", 1)
    assert findings(f"t = {call}\nt.Session()\n") == [("tf1-names", 2)]


@pytest.mark.parametrize(
    "text",
    [
        "import tensorflow.compat.v1 as tf\ndef f(lib=tf):\n    return lib.Session()\nf()\n",
        "import tensorflow.compat.v1 as tf\nexec('tf.Session()')\n",
        "def load():\n    global tf\n    import tensorflow.compat.v1 as tf\nload()\ntf.Session()\n",
        "import tensorflow.compat.v1 as tf\ndef f():\n    t = tf\n    return t.Session()\nf()\n",
        "import importlib\ntf = importlib.import_module('tensorflow.compat.v1')\ntf.Session()\n",
        "from tensorflow.compat.v1 import *\nSession()\n",
    ],
)
def test_programs_that_need_graphs(tmp_path, text):
    """Are seen through values as well."""
    ((_, finding),) = reported(tmp_path, {"a.py": text}, driver.chosen_rules(["v2-behavior"]))
    assert "nothing seen here switches v2 behaviour off" in finding.problem

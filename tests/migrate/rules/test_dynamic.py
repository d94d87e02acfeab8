"""Strings, getattr, star imports, modules that come from elsewhere."""

from __future__ import annotations

import pytest

from tests.migrate.helpers import findings, migrated, run


@pytest.mark.parametrize(
    "line",
    [
        "getattr(slim, name)",
        "hasattr(slim, 'batch_norm')",
        "setattr(slim, 'batch_norm', mine)",
        "vars(slim)['batch_norm']",
        "eval('slim.batch_norm')",
        "importlib.import_module('tensorflow.contrib.slim')",
        "importlib.import_module('tf_slim')",
        'x = f(u"tf.contrib.layers.batch_norm")',
        "nets.slim.batch_norm(x)",
        "self.slim.conv2d(x)",
        "nets.tf.contrib.layers.batch_norm(x)",
    ],
)
def test_reported(line):
    """With its line; and left."""
    source = f"import nets\nfrom tensorflow.contrib import slim\n{line}\n"
    assert ("dynamic", 3) in findings(source)
    assert line in migrated(source)


@pytest.mark.parametrize(
    "line",
    [
        '"""As slim.batch_norm does it."""',
        "x = 'slim'",
        "x = 'batch_norm'",
        "self.layers.conv2d(x)",
        "getattr(nets, 'slim')",
        "self.tf.zeros([1])",
        "keras.layers.dropout(x)",
    ],
)
def test_not_reported(line):
    """Docstrings, words, and layers of other packages."""
    assert findings(f"import nets\nfrom tensorflow.contrib import slim\nx = 1\n{line}\n") == []


def test_star_imports():
    """The import, and each name that it may have brought."""
    source = "from tensorflow.contrib.layers import *\ny = batch_norm(x)\ndef conv2d(x): pass\nconv2d(y)\n"
    assert migrated(source) == source
    assert findings(source) == [("dynamic", 1), ("dynamic", 2)]


@pytest.mark.parametrize(
    ("source", "is_reported"),
    [
        ("tf = lazy_module('tensorflow')\ntf.placeholder\n", True),
        ("from ops import *\ntf.placeholder\n", True),
        ("exec('import tensorflow as tf')\ntf.Session()\n", True),
        ("def f(tf):\n    return tf.placeholder\n", False),
        ("import tfbn as tf\ntf.placeholder\n", False),
        ("tf = lazy_module('tensorflow')\ntf.zeros\n", False),
        ("for tf in idf:\n    tf.log\n", False),
    ],
)
def test_tf_of_unknown_origin(source, is_reported):
    """With a name that TensorFlow 2 lacks; not a parameter, nor another module."""
    assert findings(source) == ([("dynamic", 2)] if is_reported else [])


CODE = "'import tensorflow as tf; tf.Session()'"


@pytest.mark.parametrize(
    ("source", "severities"),
    [
        (f"subprocess.run([sys.executable, '-c', {CODE}])", ["error"]),
        ("timeit.timeit('tf.Session()', 'import tensorflow as tf')", ["error"]),
        ('setup = """\nimport tensorflow as tf\n"""\ntimeit.repeat(stmt="tf.log(1.0)", setup=setup)', ["error"]),
        (f"target.write({CODE})", ["warning"]),
        ("exec('from tensorflow.contrib.rnn import LSTMCell')", ["error"]),
        ("timeit.timeit('tf.zeros([1])', 'import tensorflow as tf')", []),
        ("timeit.timeit('tf.log(1.0)', 'import tensorflow.compat.v1 as tf')", []),
        ("print('import tensorflow first', 'tf.Session')", []),
    ],
)
def test_code_in_strings(source, severities):
    """An error where a call runs it, with all the code of the call. --compat-v1 leaves strings, and says the same."""
    for compat in False, True:
        found = run(f"import tensorflow\n{source}\n", compat=compat).findings
        assert [(finding.kind, finding.severity) for finding in found] == [("dynamic", one) for one in severities]
        assert all("tf." in finding.problem and "import tensorflow.compat.v1" in finding.remedy for finding in found)

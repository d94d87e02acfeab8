"""Names of Python, NumPy and their neighbours that newer versions have lost, in what programs of TensorFlow run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tfbn.errors import Finding
from tfbn.migrate.import_graph import ImportGraph
from tfbn.migrate.library_table import GONE
from tfbn.migrate.plain_code import Imports, files_of_programs, unguarded
from tfbn.migrate.project import Project
from tfbn.migrate.rule import Rule

NAME = "library-names"
VALID = [
    "import numpy as np, tensorflow as tf\nx = np.zeros([2], np.float32), np.prod([1]), np.bool_(1)\n",
    "import tensorflow as tf\ntry:\n    import cPickle as pickle\nexcept ImportError:\n    import pickle\n",
    "import sys\nimport tensorflow as tf\nif sys.version_info[0] < 3:\n    import urllib2\n",
    "import tensorflow as tf\nfrom six.moves import urllib\nurllib.request.urlretrieve(a, b)\n",
    "import numpy as np, tensorflow as tf\ndef f(np):\n    return np.product(x)\n",
    "import yaml, numpy as np, tensorflow as tf\nx = yaml.load(f, Loader=l), np.load(f, allow_pickle=True).item()\n",
    "import numpy as np, tensorflow as tf\nx = np.fromstring(a, sep=' '), np.load(f)['a'].item(), ET.tostring(a)\n",
    "import numpy as np, tensorflow as tf\nx = np.array([[1, 2], [3, 4]]), np.array([[1], [2, 3]], dtype=object)\n",
    "import numpy as np, tensorflow as tf\nx = np.array([[*y], [1, 2]]), np.array([f(x), [1]]), np.array([[], []])\n",
    "import tensorflow as tf\nx = plt.hist(y, density=True), scaled(y, normed=True)\n",
    "from google.protobuf import descriptor_pb2\nimport tensorflow as tf\nx = descriptor_pb2.FileDescriptorProto()\n",
    "import numpy as np\nx = np.product([1])\n",  # not of TensorFlow
]
INVALID: list[tuple[str, str | int]] = [
    (
        """\
import numpy as np
import tensorflow as tf

def count(variable):
    return np.product([int(size) for size in variable.shape])
""",
        5,
    ),
    ("import tensorflow as tf\nimport cPickle as pickle\nx = pickle.loads(y)\n", 2),
    ("import tensorflow as tf\nfrom scipy.misc import imread, open\n", 2),
    ("import tensorflow as tf\nimport scipy.misc\nx = scipy.misc.imresize(y, 2)\nz = scipy.misc.imresize(y, 2)\n", 3),
    ("import tensorflow as tf\nfrom sklearn.cross_validation import train_test_split\n", 2),
    ("import collections, tensorflow as tf\nx = isinstance(y, collections.Iterable)\n", 2),
    ("import yaml, tensorflow as tf\nx = yaml.load(open('a'))\n", 2),
    ("import numpy as np, tensorflow as tf\nx = np.load('vgg16.npy', encoding='latin1').item()\n", 2),
    ("import numpy as np, tensorflow as tf\nx = np.fromstring(y, np.uint8)\n", 2),
    ("import numpy as np, tensorflow as tf\ny = load(np.zeros([2]))\nx = np.product(y)\n", 3),
    ("import tensorflow as tf\nx = tf.train.BytesList(value=[image.tostring()])\n", 2),
    ("import tensorflow as tf\nfrom scipy.sparse.linalg.eigen.arpack import eigsh\n", 2),
    ("import matplotlib.pyplot as plt, tensorflow as tf\nplt.hist(x, 50, normed=True)\n", 2),
    ("import numpy as np, tensorflow as tf\nx = np.array([[1, 2], [3]])\n", 2),
    ("import numpy as np, tensorflow as tf\nx = np.asarray([[[1], [2, 3]], [[1], [2]]])\n", 2),
    (
        "from google.protobuf import descriptor as _descriptor\nimport tensorflow as tf\n"
        "DESCRIPTOR = _descriptor.FileDescriptor(name='a.proto', serialized_pb=b'')\n",
        3,
    ),
]
LIBRARIES = {
    "numpy": "NumPy",
    "scipy": "SciPy",
    "sklearn": "scikit-learn",
    "skimage": "scikit-image",
    "matplotlib": "Matplotlib",
    "pylab": "Matplotlib",
    "pandas": "pandas",
    "librosa": "librosa",
    "cv2": "OpenCV",
    "PIL": "Pillow",
}
_HISTOGRAMS = ("hist", "hist2d", "histogram", "histogram2d", "histogramdd")
_OF_PROTOC = ("Descriptor", "EnumDescriptor", "EnumValueDescriptor", "FieldDescriptor", "FileDescriptor")
_NESTED = re.compile(rb"\b(?:as)?array\s*\(\s*[\[(]")  # only such a call can have rows of its own
_WORD = re.compile(rb"\w+")
# The words that a file must have to take a name of the table, by one of them: the last, and for calls the function.
_MENTIONS: dict[bytes, list[frozenset[bytes]]] = {
    word: [frozenset([word])] for word in (b"tostring", b"normed", b"serialized_pb")
}
for _name in (*GONE, "yaml.load", "numpy.load.item", "numpy.load.encoding", "numpy.fromstring"):
    _words = _name.encode("ascii").split(b".")
    _MENTIONS.setdefault(_words[-1], []).append(frozenset(_words))


def check_project(project: Project) -> dict[str, list[Finding]]:
    """One finding for each name in a file."""
    graph = project.import_graph
    return {path: found for path in files_of_programs(project) if (found := list(_findings(graph, path)))}


def _findings(graph: ImportGraph, path: str) -> Iterator[Finding]:
    words = set(_WORD.findall(graph.project.text(path)))
    has_word = any(required <= words for word in words & _MENTIONS.keys() for required in _MENTIONS[word])
    if not has_word and not (b"numpy" in words and _NESTED.search(graph.project.text(path))):
        return
    tree = graph.tree(path)
    if tree is None:
        return
    imports = Imports(graph, path, tree)
    seen: dict[str, tuple[ast.stmt | ast.expr, str, str]] = {}
    nodes: list[tuple[str, ast.stmt | ast.expr]] = list(imports.mentions)
    nodes += [(imports.full(node), node) for node in unguarded(tree) if isinstance(node, ast.Attribute)]
    for full, node in nodes:
        gone = _gone(full)
        if gone:
            library = LIBRARIES.get(gone.partition(".")[0])
            problem = f"newer {library} has no {gone}" if library else f"newer Python 3 has no {gone}"
            _keep_first(seen, gone, (node, problem, f"use {GONE[gone]}".replace("`", "").replace("use nothing: ", "")))
    for call in unguarded(tree):
        if isinstance(call, ast.Call):
            for problem, advice in _changed(imports, call):
                _keep_first(seen, problem, (call, problem, advice))
    for node, problem, advice in seen.values():
        yield Finding(NAME, "error", graph.place(path, node), problem, advice)


def _keep_first(
    seen: dict[str, tuple[ast.stmt | ast.expr, str, str]], key: str, found: tuple[ast.stmt | ast.expr, str, str]
) -> None:
    if key not in seen or (found[0].lineno, found[0].col_offset) < (seen[key][0].lineno, seen[key][0].col_offset):
        seen[key] = found


def _gone(full: str) -> str:
    """The longest part of a name, from its root on, that is gone."""
    while full and full not in GONE:
        full = full.rpartition(".")[0]
    return full


def _changed(imports: Imports, call: ast.Call) -> Iterator[tuple[str, str]]:
    """Calls of names that are there, and raise as they are called here."""
    full, keywords = imports.full(call.func), {keyword.arg for keyword in call.keywords}
    if None in keywords or any(isinstance(argument, ast.Starred) for argument in call.args):
        return
    if full == "yaml.load" and len(call.args) + len(keywords) == 1:
        yield "newer PyYAML wants a Loader in yaml.load", "use yaml.safe_load, or yaml.load with Loader=yaml.FullLoader"
    if full == "numpy.fromstring" and "sep" not in keywords and len(call.args) < 4:
        yield "newer NumPy has no numpy.fromstring of bytes", "use numpy.frombuffer; copy() what is to be changed"
    if full == "numpy.load" and "allow_pickle" not in keywords and len(call.args) < 3 and "encoding" in keywords:
        yield _PICKLED
    if "normed" in keywords and isinstance(call.func, ast.Attribute) and call.func.attr in _HISTOGRAMS:
        yield f"newer NumPy and Matplotlib have no normed of {call.func.attr}", "use density"
    if full.startswith("google.protobuf.descriptor.") and full.rpartition(".")[2] in _OF_PROTOC:
        yield (
            "newer protobuf, such as TensorFlow's, refuses code that protoc made before version 3.19",
            "make the file anew from its .proto: protoc --python_out=. FILE.proto",
        )
    if full in ("numpy.array", "numpy.asarray") and call.args and "dtype" not in keywords and len(call.args) == 1:
        if _is_ragged(call.args[0]):
            yield "newer NumPy makes no array of rows of unequal lengths", "add dtype=object, or keep a list"
    if isinstance(call.func, ast.Attribute) and not call.args and not call.keywords:
        value = call.func.value
        if call.func.attr == "tostring":
            yield "newer NumPy has no tostring() of an array", "use tobytes()"
        if call.func.attr == "item" and isinstance(value, ast.Call) and imports.full(value.func) == "numpy.load":
            if "allow_pickle" not in {keyword.arg for keyword in value.keywords} and len(value.args) < 3:
                yield _PICKLED


def _is_ragged(node: ast.expr) -> bool:
    """Whether a literal has rows that are spelled out and cannot fill an array."""
    if not isinstance(node, (ast.List, ast.Tuple)):
        return False
    lengths = {_length(row) for row in node.elts}
    return None not in lengths and (len(lengths) > 1 or any(map(_is_ragged, node.elts)))


def _length(row: ast.expr) -> int | None:
    """The length of a row, -1 for a number, and None where it is not known here."""
    if isinstance(row, (ast.List, ast.Tuple)) and not any(isinstance(part, ast.Starred) for part in row.elts):
        return len(row.elts)
    return -1 if isinstance(row, ast.Constant) else None


_PICKLED = (
    "numpy.load refuses pickled objects, such as a dict of weights, unless it is told to take them",
    "add allow_pickle=True for a file that you trust",
)
RULE = Rule(
    name=NAME,
    summary="reports what newer Python, NumPy, SciPy and others have lost, such as np.product, cPickle and normed=",
    valid=VALID,
    invalid=INVALID,
    check_project=check_project,
)

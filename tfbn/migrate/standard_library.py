"""Which modules belong to Python, and which can be imported before v2 behaviour is switched off."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# Python 2's, in code that is still being ported.
_PYTHON_2 = {
    *("ConfigParser", "Queue", "StringIO", "__builtin__", "cPickle", "cStringIO", "commands", "urllib2", "urlparse"),
}
# TensorFlow itself, tfbn, and common packages that do not use TensorFlow.
_WITHOUT_OPS = {
    *("PIL", "absl", "cv2", "easydict", "future", "h5py", "imageio", "joblib", "lmdb", "matplotlib", "mpl_toolkits"),
    *("nltk", "numpy", "pandas", "past", "psutil", "pytest", "requests", "scipy", "seaborn", "six", "skimage"),
    *("sklearn", "tensorflow", "termcolor", "tfbn", "tqdm", "yaml"),
}


def is_standard(package: str) -> bool:
    """Whether a top-level name is the standard library's."""
    names = getattr(sys, "stdlib_module_names", None)  # since Python 3.10
    if names is not None:
        return package in names or package in _PYTHON_2
    folder = Path(os.__file__).parent
    return (
        package in _PYTHON_2
        or package in sys.builtin_module_names
        or any((folder / name).exists() for name in (f"{package}.py", f"{package}/__init__.py"))
        or any((folder / "lib-dynload").glob(f"{package}.*"))
    )


def builds_no_ops(package: str) -> bool:
    """Whether importing a package certainly adds nothing to a graph and runs nothing of TensorFlow."""
    # `test` is a package of Python, but more often a folder of the project.
    return package in _WITHOUT_OPS or (package != "test" and is_standard(package))

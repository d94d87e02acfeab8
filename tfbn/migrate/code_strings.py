"""Code in strings: which calls run it, and which TensorFlow names it reads through its own imports."""

from __future__ import annotations

import re

from tfbn.migrate.source.prefilter import tensorflow_names

# Calls that run a string with the file's names in scope, such as timeit with globals=globals().
IN_THIS_PROCESS = frozenset("Timer compile eval exec repeat run runctx timeit".split())
# Calls that start another Python: `[sys.executable, "-c", "import tensorflow as tf; ..."]`.
_OTHER_PROCESSES = frozenset("Popen call check_call check_output getoutput popen system".split())
RUNNERS = IN_THIS_PROCESS | _OTHER_PROCESSES
_IMPORT = re.compile(r"(?:^|[;\"'\n])\s*(?:import\s+tensorflow\b|from\s+tensorflow\b[\w.]*\s+import\b)")


def imports_tensorflow(text: str) -> bool:
    """Whether a text contains an import statement of TensorFlow."""
    return "tensorflow" in text and bool(_IMPORT.search(text))


def own_names(text: str) -> frozenset[str]:
    """The full TensorFlow names that code in a text reads through its own imports."""
    if not imports_tensorflow(text):
        return frozenset()
    return frozenset(f"tensorflow.{name}" for name in tensorflow_names(text.encode("utf-8", "replace")))

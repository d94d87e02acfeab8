"""Code in strings: which calls run it, and which names of TensorFlow it reads by imports of its own."""

from __future__ import annotations

import re

from tfbn.migrate.source.prefilter import tensorflow_names

# Calls that run a string where the file's own names count: timeit with globals=globals(), say.
IN_THIS_PROCESS = frozenset("Timer compile eval exec repeat run runctx timeit".split())
# Calls that start another Python: `[sys.executable, "-c", "import tensorflow as tf; ..."]`.
_OTHER_PROCESSES = frozenset("Popen call check_call check_output getoutput popen system".split())
RUNNERS = IN_THIS_PROCESS | _OTHER_PROCESSES
_IMPORT = re.compile(r"(?:^|[;\"'\n])\s*(?:import\s+tensorflow\b|from\s+tensorflow\b[\w.]*\s+import\b)")


def imports_tensorflow(text: str) -> bool:
    """Whether a text holds an import statement of TensorFlow."""
    return "tensorflow" in text and bool(_IMPORT.search(text))


def own_names(text: str) -> frozenset[str]:
    """The full names that the code in a text reads of the TensorFlow that it imports itself."""
    if not imports_tensorflow(text):
        return frozenset()
    return frozenset(f"tensorflow.{name}" for name in tensorflow_names(text.encode("utf-8", "replace")))

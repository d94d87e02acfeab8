"""Read by every Python that the tests start: `import tensorflow` without Keras, which takes 2 of its 4 seconds.

TensorFlow imports Keras while it is itself imported, and goes on where it cannot be imported. Programs that use Keras,
as tf.keras or by its own name, import it when they come to it.
"""

import importlib.machinery
import sys


class KerasWaits:
    """Finds Keras where it is, and refuses to load it as long as TensorFlow is being imported."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname != "keras" or not is_being_imported("tensorflow"):
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None:
            spec.loader = self
        return spec

    def create_module(self, spec):
        raise ImportError("Keras waits until TensorFlow is imported", name=spec.name)

    def exec_module(self, module):
        raise AssertionError("create_module raises")


def is_being_imported(name):
    return getattr(getattr(sys.modules.get(name), "__spec__", None), "_initializing", False)


sys.meta_path.insert(0, KerasWaits())

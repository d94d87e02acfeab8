"""tf.contrib.layers and slim; checkpoints of any other TF1 program are read as this kind, too."""

from __future__ import annotations

from tfbn.checkpoint.bundle_reader import BundleReader, find_prefix
from tfbn.checkpoint.reader import Reader
from tfbn.checkpoint.tf1_names import TF1Names


class Contrib(TF1Names):
    name = "contrib"
    default_scope = "BatchNorm"
    precedence = -1  # the most general

    def recognizes(self, path: str) -> bool:
        """Everything: if no other kind fits, it is a checkpoint by name, or its reader says why it is none."""
        return True

    def open(self, path: str) -> Reader:
        return BundleReader(find_prefix(path))

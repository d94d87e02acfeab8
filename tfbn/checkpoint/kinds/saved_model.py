"""The variables of a SavedModel, which are useful only with its graphs: read, and not written."""

from __future__ import annotations

import os

import tensorflow as tf

from tfbn.checkpoint.bundle_reader import BundleReader
from tfbn.checkpoint.kinds import Kind
from tfbn.checkpoint.reader import Reader


class SavedModel(Kind):
    name = "SavedModel"

    def recognizes(self, path: str) -> bool:
        return any(tf.io.gfile.exists(os.path.join(path, f"saved_model.{ending}")) for ending in ("pb", "pbtxt"))

    def open(self, path: str) -> Reader:
        variables = os.path.join(path, "variables", "variables")
        if not tf.io.gfile.exists(f"{variables}.index"):
            raise ValueError(
                f"{path}: expected a SavedModel with variables, got one without variables/variables.index. For a "
                "frozen graph, which has constants instead, read the checkpoint it was made from, or export with "
                "--variables keep."
            )
        return BundleReader(variables, self.name)

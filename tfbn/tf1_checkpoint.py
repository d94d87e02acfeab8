"""Variables outside of any graph, saved and restored by TF1 names: tf.compat.v1.train.Saver in eager code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import tensorflow as tf


def save(variables: Mapping[str, tf.Variable], path: str, **options: Any) -> str:
    """Saves the variables under their names, the parts of a partitioned one as slices of it; returns the prefix."""
    if not variables:
        raise ValueError(
            "save: expected a module with variables, got one that was never called. Call it first, or its "
            "get_concrete_function."
        )
    with tf.init_scope():
        return tf.compat.v1.train.Saver(list(variables.values())).save(None, path, **options)


def restore(variables: Mapping[str, tf.Variable], path: str, partial: bool) -> None:
    """Restores the variables, all or none; with `partial` those that the checkpoint has."""
    with tf.init_scope():
        reader = tf.train.load_checkpoint(path)
        shapes, dtypes = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
        found, problems = [], []
        for name, variable in variables.items():
            whole = name if name in shapes else re.sub(r"/part_\d+$", "", name)
            if whole not in shapes:
                problems += [] if partial else [f"{name}: it is not there"]
                continue
            # Of a part only the Saver knows which slice it is.
            shape = variable.shape.as_list() if whole == name else shapes[whole]
            if shapes[whole] != shape or dtypes[whole] != variable.dtype:
                problems.append(
                    f"{name}: it has shape {shapes[whole]} and dtype {dtypes[whole].name}, the variable has {shape} "
                    f"and {variable.dtype.name}"
                )
            found.append(variable)
        if problems:
            raise ValueError(
                f"restore: expected the module's variables in {path}, got\n" + "\n".join(problems) + "\nIt has "
                f"{sorted(shapes)}. Pass partial=True for variables that it need not have; what tf.train.Checkpoint "
                "wrote, tf.train.Checkpoint restores."
            )
        if found:
            tf.compat.v1.train.Saver(found).restore(None, path)

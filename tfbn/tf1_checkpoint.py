"""Variables outside of any graph, in checkpoints by TF1 names: what tf.compat.v1.train.Saver reads and writes.

In eager code the Saver itself warns of its names and knows no partitioned variables.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

import tensorflow as tf

from tfbn import _tensorflow, bundle_index


def save(variables: Mapping[str, tf.Variable], path: str) -> str:
    """Saves the variables under their names, the parts of a partitioned one as slices of it; returns the prefix."""
    if not variables:
        raise ValueError(
            "save: expected a module with variables, got one that was never called. Call it or `build` it first."
        )
    with tf.init_scope():
        folder = os.path.dirname(path)
        if folder:
            tf.io.gfile.makedirs(folder)
        slices = [_tensorflow.slice_of(variable) for variable in variables.values()]
        names = [part.name if part else name for name, part in zip(variables, slices)]
        specs = [part.spec if part else "" for part in slices]
        values = [variable.read_value() for variable in variables.values()]
        tf.raw_ops.SaveV2(prefix=path, tensor_names=names, shape_and_slices=specs, tensors=values)
        _name_latest(folder or ".", path)
    return path


def _name_latest(folder: str, path: str) -> None:
    """Records the path for tf.train.latest_checkpoint. TensorFlow's function for this warns that it will be removed."""
    state = tf.compat.v1.train.generate_checkpoint_state_proto(folder, path)
    whole, part = os.path.join(folder, "checkpoint"), os.path.join(folder, "checkpoint.tmp")
    with tf.io.gfile.GFile(part, "w") as file:
        file.write(str(state))
    tf.io.gfile.rename(part, whole, overwrite=True)


def prefix_of(path: str) -> str:
    """The prefix of a checkpoint's files: `path`, or in the folder `path` that of the latest."""
    if not tf.io.gfile.isdir(path):
        _check_exists(path)
        return path
    prefix = bundle_index.find_latest(path)
    if prefix is None:
        raise ValueError(
            "path: expected the prefix of a checkpoint's files, or a folder whose file 'checkpoint' names one, got the "
            f"folder {path}. Name the files without .index."
        )
    return prefix


def _check_exists(prefix: str) -> None:
    """Raises FileNotFoundError, with the prefixes in the same folder, where no file has this one."""
    folder, base = os.path.split(prefix)
    is_folder = tf.io.gfile.isdir(folder or ".")
    names = tf.io.gfile.listdir(folder or ".") if is_folder else []
    # The index of a bundle, or what TF1 wrote before there were any, in one file or in several.
    if not any(re.fullmatch(rf"{re.escape(base)}(\.index|-\d+-of-\d+)?", name) for name in names):
        prefixes = sorted(name[: -len(".index")] for name in names if name.endswith(".index"))
        raise FileNotFoundError(
            f"path: expected the prefix of a checkpoint's files, got {prefix}, of which there is no {base}.index. "
            f"Checkpoints in that folder: {prefixes if is_folder else 'none, it is not there'}."
        )


def restore(variables: Mapping[str, tf.Variable], path: str, partial: bool) -> None:
    """Restores the variables, all or none; with `partial` those that the checkpoint has."""
    with tf.init_scope():
        bundle_index.check(path)
        reader = tf.train.load_checkpoint(path)
        shapes, dtypes = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
        names, specs, restorable, problems = [], [], [], []
        for own_name, variable in variables.items():
            part = _tensorflow.slice_of(variable)
            name, shape = (part.name, part.shape) if part else (own_name, variable.shape.as_list())
            if name not in shapes:
                problems += [] if partial else [f"{name}: it is not there"]
            elif shapes[name] != shape or dtypes[name] != variable.dtype:
                problems.append(
                    f"{name}: it has shape {shapes[name]} and dtype {dtypes[name].name}, the variable has {shape} and "
                    f"{variable.dtype.name}"
                )
            else:
                names.append(name)
                specs.append(part.spec if part else "")
                restorable.append(variable)
        if problems:
            raise ValueError(
                f"restore: expected the module's variables in {path}, got\n" + "\n".join(problems) + "\nIt has "
                f"{sorted(shapes)}. Pass partial=True for variables that it need not have; what tf.train.Checkpoint "
                "wrote, tf.train.Checkpoint restores."
            )
        if restorable:
            to_read = [variable.dtype for variable in restorable]
            values = tf.raw_ops.RestoreV2(prefix=path, tensor_names=names, shape_and_slices=specs, dtypes=to_read)
            for variable, value in zip(restorable, values):
                variable.assign(value)

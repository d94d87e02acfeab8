"""The object graph in a checkpoint of tf.train.Checkpoint: which object each name stands for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from tfbn import _tensorflow

KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"
SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"
SLOT = ".OPTIMIZER_SLOT"
_CONFIG = "/.ATTRIBUTES/OBJECT_CONFIG_JSON"  # of Keras' layers
COUNTER = "save_counter"
TF1_VARIABLES = "tf1_variables"  # the attribute of TF1Module
# How Keras 2 and 3 reach their layers' variables: by numbers, so the variables' own names are more telling.
_KERAS = re.compile(r"layer_with_weights-\d+|_operations|_layers|_all_variables")
# Lists that Keras 3 exports in addition to `_all_variables`.
_TWICE = re.compile(r"(variables|trainable_variables|non_trainable_variables)/\d+$")


def paths(graph: bytes, names: Iterable[str]) -> dict[str, str]:
    """The path of each name; '' for TensorFlow's bookkeeping and for variables saved a second time."""
    names = list(names)
    message = _tensorflow.object_graph_type().FromString(graph)
    own_names = {item.checkpoint_key: item.full_name for node in message.nodes for item in node.attributes}
    exported = any(name.startswith("_all_variables/") for name in names)
    components = {name: _components(name) for name in names}
    result = {name: _path(parts, own_names.get(name, "")) for name, parts in components.items()}
    counts = Counter(result.values())
    for name, parts in components.items():
        if counts[result[name]] > 1:
            result[name] = "/".join(parts)
        if (
            name == KEY
            or name.endswith(_CONFIG)
            or result[name] == COUNTER
            or (exported and _TWICE.match("/".join(parts)))
        ):
            result[name] = ""
    return result


def full_names(graph: bytes) -> dict[str, str]:
    """The variables' own names, by which a Saver restores them, and the names under which they are stored."""
    message = _tensorflow.object_graph_type().FromString(graph)
    return {item.full_name: item.checkpoint_key for node in message.nodes for item in node.attributes if item.full_name}


def _components(name: str) -> list[str]:
    # TensorFlow's own parts, which start with a dot, are not escaped.
    parts = name.removesuffix(SUFFIX).split("/")
    return [part if part in (SLOT, ".ATTRIBUTES") else _unescape(part) for part in parts]


def _path(parts: list[str], own_name: str) -> str:
    if TF1_VARIABLES in parts[:-1]:
        return "/".join(parts[parts.index(TF1_VARIABLES) + 1 :])
    if own_name and any(map(_KERAS.fullmatch, parts)) and "optimizer" not in parts:
        return own_name.removesuffix(":0")
    return "/".join(parts)


def name_of(path: str) -> str:
    """The name under which tf.train.Checkpoint stores the variable at this chain of attributes."""
    return "/".join(_escape(part) for part in path.split("/")) + SUFFIX


def path_of(name: str) -> str:
    """The inverse of `name_of`."""
    return "/".join(_components(name))


def build(paths: Iterable[str]) -> bytes:
    """An object graph in which each path is a chain of attributes that ends at a variable."""
    message = _tensorflow.object_graph_type()()
    message.nodes.add()
    numbers: dict[str, int] = {"": 0}
    for path in sorted(paths):
        parent, so_far = 0, ""
        for part in path.split("/"):
            so_far = f"{so_far}/{part}"
            if so_far not in numbers:
                numbers[so_far] = len(message.nodes)
                message.nodes.add()
                message.nodes[parent].children.add(node_id=numbers[so_far], local_name=part)
            parent = numbers[so_far]
        message.nodes[parent].attributes.add(name="VARIABLE_VALUE", full_name=path, checkpoint_key=name_of(path))
    for node in message.nodes:
        node.has_checkpoint_values.value = True
    return message.SerializeToString(deterministic=True)


def _escape(part: str) -> str:
    return part.replace(".", "..").replace("/", ".S")


def _unescape(part: str) -> str:
    return re.sub(r"\.(.)", lambda match: "/" if match[1] == "S" else match[1], part)

"""What a call left in the graph, as plain lists: variables, collections, outputs. Runs on Python 3.7."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

# Written by TensorFlow's own control flow, not by a layer.
INTERNAL = ("cond_context", "while_context")


def dimensions(tensor: Any) -> Optional[List[Optional[int]]]:
    """The static shape with None for what is not known, or None for an unknown rank."""
    shape = tensor.get_shape()
    return None if shape.ndims is None else shape.as_list()


def is_variable(item: Any) -> bool:
    # By what it can do: the newer TensorFlow's resource variables are no instances of compat.v1.Variable. An assignment
    # to one (`_UnreadVariable`) is a variable by class; as a member of a collection it stands for the value after the
    # assignment, so it counts as a tensor.
    return hasattr(item, "initializer") and hasattr(item, "op") and type(item).__name__ != "_UnreadVariable"


def kind(tf: Any, item: Any) -> str:
    if is_variable(item):
        return "Variable " + item.name.split(":")[0]
    if isinstance(item, tf.Operation):
        return "Operation"
    return "Tensor" if hasattr(item, "dtype") else type(item).__name__


def op_name(item: Any) -> str:
    """The name of an operation, or of a tensor's."""
    return getattr(item, "op", item).name


def names(tf: Any) -> List[str]:
    keys = [key for key in tf.get_default_graph().get_all_collection_keys() if isinstance(key, str)]
    return sorted(key for key in keys if key not in INTERNAL)


def sizes(tf: Any) -> Dict[str, int]:
    """How much each collection holds, to tell later what has been added."""
    return {name: len(tf.get_collection_ref(name)) for name in names(tf)}


def added(tf: Any, before: Dict[str, int]) -> Dict[str, List[Any]]:
    """What has been added to each collection since `before`."""
    found = {name: list(tf.get_collection_ref(name))[before.get(name, 0) :] for name in names(tf)}
    return {name: items for name, items in found.items() if items}


def collections(tf: Any, before: Dict[str, int]) -> Dict[str, List[str]]:
    return {name: [kind(tf, item) for item in items] for name, items in added(tf, before).items()}


def variables(tf: Any, before: Dict[str, int]) -> List[List[Any]]:
    """Name, shape, dtype and collections of each global variable made since `before`, in the order of creation."""
    new = added(tf, before).get(tf.GraphKeys.GLOBAL_VARIABLES, [])
    everywhere = added(tf, before)
    described = []
    for variable in new:
        member = [name for name, items in everywhere.items() if any(item is variable for item in items)]
        described.append(
            [variable.name.split(":")[0], dimensions(variable), variable.dtype.base_dtype.name, sorted(member)]
        )
    return described


def layer(tf: Any, made: Any) -> Dict[str, Any]:
    """What the object of a class under test says of itself."""
    lists = ("updates", "losses", "weights", "variables")
    lists += tuple(f"{prefix}trainable_{name}" for prefix in ("", "non_") for name in ("weights", "variables"))
    found: Dict[str, Any] = {name: [kind(tf, item) for item in getattr(made, name)] for name in lists}
    found.update({name: getattr(made, name) for name in ("scope_name", "built", "trainable", "momentum", "epsilon")})
    found["axis"] = list(made.axis)
    found["dtype"] = tf.as_dtype(made.dtype).name
    return found


def outputs(tf: Any, before: Dict[str, int], tensors: List[Any]) -> Dict[str, Any]:
    """For each collection that holds outputs of the calls: which call's, under which aliases."""
    found = {}
    for name, items in added(tf, before).items():
        entries = [
            [index, list(getattr(item, "aliases", []))]
            for item in items
            for index, tensor in enumerate(tensors)
            if item is tensor
        ]
        if entries:
            found[name] = entries
    return found

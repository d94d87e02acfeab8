"""The ledger's entries for what only tf.layers' function has."""

from __future__ import annotations

from typing import Any

from . import case as cases
from . import functions
from .known_differences import Known, changed, fails_there, refused_by_both, refused_here, with_arguments


def _remainder(case: cases.Case, count: int) -> bool:
    size = functions.virtual_batch_size(case)
    return size is not None and count % size != 0


def _is_class(value: Any) -> bool:
    return isinstance(value, dict) and value["$"] == "initializer"


def _named_function(case: cases.Case) -> bool:
    names = [f"{name}_{kind}" for name in ("beta", "gamma") for kind in ("regularizer", "constraint")]
    return any(isinstance(cases.argument(case, name), str) for name in names)


_LISTS = ("", "trainable_", "non_trainable_")

LEDGER = (
    Known(
        "virtual batches with unknown sizes beside the batch's",
        "The original puts the static shape into a reshape, which takes no None.",
        "layers/virtual/open_inside",
        lambda case: functions.virtual_batch_size(case) is not None and any(cases.get(case, "dynamic")),
        fails_there("build", "TypeError", "Failed to convert object of type <class 'list'> to Tensor"),
        lambda case: changed(case, dynamic=[axis for axis in cases.get(case, "dynamic") if axis == 0]),
    ),
    Known(
        "inference of what virtual batches do not divide",
        "The original splits into virtual batches in inference too, where nothing is taken over them.",
        "layers/virtual/inference_of_a_remainder",
        lambda case: _remainder(case, cases.batch_sizes(case)[-1]),
        fails_there("run", "InvalidArgumentError", "requires a multiple of"),
    ),
    Known(
        "initializers given as classes, with renorm",
        "The original calls the class of moving_variance_initializer as if it were an instance.",
        "layers/initializers/by_class_renorm",
        lambda case: cases.argument(case, "renorm") and _is_class(cases.argument(case, "moving_variance_initializer")),
        fails_there("build", "TypeError", "got multiple values for argument 'dtype'"),
        lambda case: with_arguments(case, moving_variance_initializer="ones"),
    ),
    Known(
        "regularizers and constraints by Keras' names",
        "The original looks a string up in Keras; ours takes functions only, and says so.",
        "layers/errors/regularizer_by_name/fused",
        _named_function,
        refused_here("TypeError", "expected a function or None"),
    ),
    Known(
        "the weights of a partitioned layer",
        "The original does not find a partitioned gamma among the trainable variables, which hold its parts, and lists"
        " it as not trainable. Ours lists the parts, as trainable.",
        "class/partitioned",
        lambda case: functions.of(case).is_class and "partitioner" in cases.get(case, "surroundings"),
        lambda *results: {f"layer.*.{prefix}{name}" for prefix in _LISTS for name in ("weights", "variables")},
    ),
    Known(
        "errors of another type",
        "For no axis at all, or no momentum, the original stops at what happens to fail first.",
        "layers/errors/axis_empty/fused",
        lambda case: (
            cases.argument(case, "axis") == [] or (functions.decay(case) is None and not functions.contrib(case))
        ),
        refused_by_both,
    ),
)

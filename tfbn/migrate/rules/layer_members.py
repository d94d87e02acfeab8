"""Subclasses of `tf.layers` classes that use members which `tfbn.layers.v1` does not have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import libcst as cst
from libcst import matchers

from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Module
from tfbn.migrate.rule import Rule

NAME = "layer-members"
# What the original inherits from Keras for models, and tfbn leaves out.
MISSING = frozenset(
    "activity_regularizer add_metric compute_mask compute_output_shape compute_output_signature dynamic from_config "
    "get_config get_input_at get_input_mask_at get_input_shape_at get_losses_for get_output_at get_output_mask_at "
    "get_output_shape_at get_updates_for get_weights graph inbound_nodes input input_mask input_shape input_spec "
    "metrics name_scope outbound_nodes output output_mask output_shape set_weights submodules with_name_scope".split()
)
# What the original's convolutions and pools compute by.
MISSING_IN_WINDOW_LAYERS = frozenset("pool_function _convolution_op _padding_op".split())
VALID = [
    """\
import tfbn

class Scale(tfbn.layers.v1.Layer):
    def build(self, input_shape):
        self.output_shape = input_shape
        self.factor = self.add_variable("factor", self.output_shape)
        super().build(input_shape)

    def compute_output_shape(self, input_shape):
        return input_shape

    def call(self, inputs):
        print(self.name, self.losses, self.compute_output_shape(self.output_shape))
        return inputs * self.factor
""",
    "import tensorflow as tf\nclass A(tf.keras.layers.Layer):\n    def f(self):\n        return self.get_weights()\n",
]
INVALID = [
    (
        """\
import tensorflow as tf
import tfbn

class Scale(tfbn.layers.v1.Layer):
    def call(self, inputs):
        self.set_weights([0.5])
        return inputs
""",
        6,
    ),
    (
        """\
import tensorflow as tf

class Masked(tf.layers.Conv2D):
    def call(self, inputs):
        masked = self.kernel * self.mask
        return self._convolution_op(inputs, masked)
""",
        6,
    ),
    ("import tfbn\nclass A(tfbn.layers.v1.Layer):\n    def f(self):\n        return super().get_config()\n", 4),
]


def check_file(module: Module, changes: Changes) -> None:
    for use in module.uses:
        class_ = module.parent(module.parent(use.node))
        target = use.known.target if use.known else None
        base = (target or "").rpartition("tfbn.layers.v1.")[2]
        if target and target.startswith("tfbn.layers.v1.") and base[0].isupper() and isinstance(class_, cst.ClassDef):
            missing = MISSING if base == "Layer" else MISSING | MISSING_IN_WINDOW_LAYERS
            for node, member in _missing(module, class_, missing):
                changes.find(
                    node,
                    NAME,
                    f"{target}, the base of {class_.name.value}, has no {member}",
                    "write it in the class, or use what it has: build, call, add_weight, add_variable, add_loss, "
                    "add_update, name, scope_name, variables, trainable_variables, losses and updates",
                )


def _missing(module: Module, class_: cst.ClassDef, missing: frozenset[str]) -> Iterator[tuple[Any, str]]:
    """The members of the original that the class reads and does not define, each once, with its node."""
    # Reads on super() count even if the class defines a method with the name.
    on_self = matchers.findall(class_, matchers.Attribute(value=matchers.Name("self")))
    on_super = matchers.findall(class_, matchers.Attribute(value=matchers.Call(func=matchers.Name("super"))))
    own = {node.attr.value for node in on_self if module.is_store(node)}
    own |= {node.name.value for node in matchers.findall(class_.body, matchers.FunctionDef())}
    reported: set[str] = set()
    for node in [*(node for node in on_self if node.attr.value not in own), *on_super]:
        if node.attr.value in missing - reported:
            reported.add(node.attr.value)
            yield node, node.attr.value


RULE = Rule(
    name=NAME,
    summary="reports subclasses of tf.layers classes that use members which tfbn.layers.v1 does not have",
    valid=VALID,
    invalid=INVALID,
    check_file=check_file,
)

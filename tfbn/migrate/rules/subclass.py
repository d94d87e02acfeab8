"""Subclasses of BatchNormalization that override or use private methods of the original."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import libcst as cst

from tfbn.migrate import names
from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Module
from tfbn.migrate.rule import Rule

NAME = "subclass"
VALID = [
    """\
import tfbn

class Norm(tfbn.BatchNormalization):
    def build(self, input_shape):
        super().build(input_shape)
        self.count = self.add_weight("count", [], initializer="zeros")

    def call(self, inputs, training=False):
        return self._shifted(super().call(inputs, training=training))

    def _shifted(self, outputs):
        return outputs + self.count
""",
    "import tensorflow as tf\n\nclass Norm(tf.keras.layers.BatchNormalization):\n    def call(self, x): return x\n",
    "import tfbn\nfrom norms import Norm\nclass Mine(Norm):\n    def _moments(self, x): return tfbn.batch_norm(x)\n",
]
INVALID: list[tuple[str, str | int]] = [
    (
        """\
import tensorflow as tf

class ReplicaNorm(tf.layers.BatchNormalization):
    def _moments(self, inputs, reduction_axes, keep_dims):
        mean, variance = super()._moments(inputs, reduction_axes, keep_dims=keep_dims)
        return replica_mean(mean), replica_mean(variance)
""",
        4,
    ),
    # Imported by its name, under another name, and through a class in between.
    ("from tensorflow.layers import BatchNormalization as B\nclass A(B):\n    def _fused_batch_norm(self): pass\n", 3),
    ("import tensorflow as tf\nB = tf.layers.BatchNormalization\nclass A(B):\n    _get_training_value = None\n", 4),
    ("import tensorflow as tf\nclass A(tf.layers.BatchNormalization): pass\nclass B(A):\n    _moments = f\n", 4),
    # A method that is called, with the original's own inside.
    ("import tfbn\nclass A(tfbn.BatchNormalization):\n    def call(self, x):\n        return self._moments(x)\n", 4),
    ("import tensorflow as tf\nclass A(tf.keras.layers.BatchNormalization):\n    def _moments(self, x): pass\n", 3),
]
# Methods that the original and Keras 2 call internally; tfbn has none of them, Keras 3 two, with other arguments.
PRIVATE = frozenset(
    "_assign_moving_average _assign_new_value _calculate_mean_and_var _fused_batch_norm _fused_can_be_used "
    "_get_trainable_var _get_training_value _moments _raise_if_fused_cannot_be_used "
    "_renorm_correction_and_moments".split()
)
_IN_KERAS = re.compile(r"(?:^|\.)keras(?:\.\w+)*\.BatchNormalization(?:V1|V2|Base)?$")
_MAY_SUBCLASS = re.compile(rb"\bclass\s+\w+\s*\([^)]*(?:Norm|\bBN)")
ADVICE = (
    "where it averages over the replicas of tf.distribute, remove it and pass synchronized=True to {}; for anything "
    "else override call, and compute the outputs there"
)


class Subclass(NamedTuple):
    """A subclass of BatchNormalization."""

    definition: Any
    base: Any  # the expression that names the original's class, in this class or one that it derives from
    is_of_keras: bool


def check_file(module: Module, changes: Changes) -> None:
    for subclass in _subclasses(module):
        node, used = next(iter(_private_methods(module, subclass.definition)), (None, ""))
        if node is None:
            continue
        changes.kept.add(id(subclass.base))
        target = "tf.keras.layers.BatchNormalization" if subclass.is_of_keras else "tfbn.BatchNormalization"
        lacking = "Keras 3 never calls, or with other arguments" if subclass.is_of_keras else f"{target} does not have"
        stays = "" if subclass.is_of_keras or module.text(subclass.base) == target else ": the class stays as it is"
        problem = f"{subclass.definition.name.value} {used}, a private method of the original that {lacking}{stays}"
        changes.find(node, NAME, problem, ADVICE.format(target))


def _subclasses(module: Module) -> Iterator[Subclass]:
    known: dict[str, Subclass] = {}
    for definition in module.nodes:
        if isinstance(definition, cst.ClassDef):
            for argument in definition.bases:
                subclass = _subclass(module, definition, argument.value, known)
                if subclass is not None:
                    known[definition.name.value] = subclass
                    yield subclass
                    break


def _subclass(module: Module, definition: Any, base: Any, known: dict[str, Subclass]) -> Subclass | None:
    if isinstance(base, cst.Name) and base.value in known:
        return known[base.value]._replace(definition=definition)
    source = module.assigned_value(base) or base
    function = module.known(base)
    if function is not None and function.leaf == "BatchNormalization":
        return Subclass(definition, source, is_of_keras=False)
    below = names.below_tensorflow(module.name(base)) or module.name(base)
    return Subclass(definition, source, is_of_keras=True) if _IN_KERAS.search(below) else None


def _private_methods(module: Module, definition: Any) -> Iterator[tuple[Any, str]]:
    """The private methods of the original that a class overrides or uses."""
    own = set()
    for node in _members(definition):
        name = node.name if isinstance(node, cst.FunctionDef) else node
        own.add(name.value)
        if name.value in PRIVATE:
            yield node, f"overrides `{name.value}`"
    for node in module.nodes:
        if isinstance(node, cst.Attribute) and node.attr.value in PRIVATE - own and definition in module.parents(node):
            if re.fullmatch(r"self|super\(.*\)", module.text(node.value)):
                yield node, f"uses `{node.attr.value}`"


def _members(definition: Any) -> Iterator[Any]:
    """The functions of a class, and the names that it assigns."""
    for statement in definition.body.body:
        if isinstance(statement, cst.FunctionDef):
            yield statement
        for small in getattr(statement, "body", ()) if isinstance(statement, cst.SimpleStatementLine) else ():
            if isinstance(small, cst.Assign):
                yield from (target.target for target in small.targets if isinstance(target.target, cst.Name))


RULE = Rule(
    name=NAME,
    summary="reports subclasses of BatchNormalization that override private methods, which nothing calls any more",
    valid=VALID,
    invalid=INVALID,
    check_file=check_file,
    worth_parsing=lambda raw: raw.find(b"class") >= 0 and bool(_MAY_SUBCLASS.search(raw)),
    first=True,  # what a class overrides decides whether its base is rewritten
)

"""Calls in the form that TensorFlow had before 1.0: other names, other orders of arguments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import libcst as cst

from tfbn.migrate import names
from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Module
from tfbn.migrate.prepared import is_caught
from tfbn.migrate.rule import Rule, call_of, keyword_arguments, may_rewrite_node
from tfbn.migrate.rules.compat_v1 import has_signs_of_tf1
from tfbn.migrate.source.prefilter import mentions_tensorflow

NAME = "before-1.0"
VALID = [
    "import tensorflow as tf\ny = tf.concat([a, b], 1), tf.concat(values, axis), tf.split(x, 2, 1), tf.stack([a])\n",
    "import tensorflow as tf\ny = tf.nn.sigmoid_cross_entropy_with_logits(labels, logits), tf.reverse(x, [1])\n",
    "import tensorflow.compat.v1 as tf\ny = tf.image.resize_images(x, size, 1), tf.concat([a, b], axis=1)\n",
    "import numpy as np\ny = np.split(1, 2, x)\n",
    # A handler for the absence of a name that exists never runs.
    "import tensorflow as tf\ntry:\n    f = tf.stack\nexcept AttributeError:\n    f = tf.pack\n",
    "import tensorflow as tf\ntry:\n    f = tf.pack\nexcept AttributeError:\n    f = tf.stack\n",
]
INVALID: list[tuple[str, str | int]] = [
    (
        """\
import tensorflow as tf

def gate(inputs, state):
    i, j = tf.split(1, 2, tf.concat(1, [inputs, state]))
    return tf.mul(tf.pack([i, j]), 2.0)
""",
        """\
import tensorflow as tf

def gate(inputs, state):
    i, j = tf.split(axis=1, num_or_size_splits=2, value=tf.concat(axis=1, values=[inputs, state]))
    return tf.multiply(tf.stack([i, j]), 2.0)
""",
    ),
    (
        "import tensorflow.compat.v1 as tf\ny = tf.concat(-1, values=x), tf.split(split_dim=n, num_split=2, value=x)\n",
        "import tensorflow.compat.v1 as tf\n"
        "y = tf.concat(axis=-1, values=x), tf.split(axis=n, num_or_size_splits=2, value=x)\n",
    ),
    (
        "import tensorflow.compat.v1 as tf\ny = tf.concat(dim, [a, b]), tf.reverse(x, [False, True, True])\n",
        "import tensorflow.compat.v1 as tf\ny = tf.concat(axis=dim, values=[a, b]), tf.reverse(x, [1, 2])\n",
    ),
    (
        "import tensorflow.compat.v1 as tf\ny = tf.image.resize_images(x, 64, n), tf.select(c, t=x, e=y)\n",
        "import tensorflow.compat.v1 as tf\ny = tf.image.resize_images(x, [64, n]), tf.where(c, x=x, y=y)\n",
    ),
    (
        "import tensorflow.compat.v1 as tf\ny = tf.merge_all_summaries(), tf.train.SummaryWriter(d)\n",
        "import tensorflow.compat.v1 as tf\ny = tf.summary.merge_all(), tf.summary.FileWriter(d)\n",
    ),
    (
        "import tensorflow.compat.v1 as tf\ny = tf.nn.sigmoid_cross_entropy_with_logits(x, targets=t)\n",
        "import tensorflow.compat.v1 as tf\ny = tf.nn.sigmoid_cross_entropy_with_logits(logits=x, labels=t)\n",
    ),
    ("import tensorflow.compat.v1 as tf\ny = tf.nn.softmax_cross_entropy_with_logits(logits, labels)\n", 2),
    ("import tensorflow as tf\nx = tf.log(x)\ny = tf.nn.sigmoid_cross_entropy_with_logits(x, labels)\n", 3),
]


class Renamed(NamedTuple):
    """The name of a function since 1.0, and those of its arguments that were renamed."""

    name: str
    arguments: Mapping[str, str] = {}
    max_positional: int = 9  # beyond that, the positions differ


RENAMED = {
    "batch_matmul": Renamed("matmul", {"adj_x": "adjoint_a", "adj_y": "adjoint_b", "x": "a", "y": "b"}, 2),
    "complex_abs": Renamed("abs"),
    "merge_all_summaries": Renamed("summary.merge_all"),
    "merge_summary": Renamed("summary.merge"),
    "mul": Renamed("multiply"),
    "neg": Renamed("negative"),
    "pack": Renamed("stack", max_positional=1),
    "select": Renamed("where", {"t": "x", "e": "y"}),
    "sub": Renamed("subtract"),
    "train.SummaryWriter": Renamed("summary.FileWriter"),
    "unpack": Renamed("unstack", max_positional=2),
}
# Names whose successors exist, or behave the same, only in tf.compat.v1.
ONLY_IN_V1 = ("merge_all_summaries", "merge_summary", "select", "train.SummaryWriter")
# Functions whose arguments were reordered: the old order by today's names, and the renamed arguments.
REORDERED = {
    "concat": (["axis", "values"], {"concat_dim": "axis"}),
    "split": (["axis", "num_or_size_splits", "value"], {"split_dim": "axis", "num_split": "num_or_size_splits"}),
}
CROSS_ENTROPIES = {
    "nn.sigmoid_cross_entropy_with_logits": {"targets": "labels"},
    "nn.softmax_cross_entropy_with_logits": {},
    "nn.sparse_softmax_cross_entropy_with_logits": {},
}
AXES = ("axis", "concat_dim", "dim", "split_dim")
RESIZING = re.compile(r"image\.resize_(?:area|bicubic|bilinear|images|nearest_neighbor)")


def check_file(module: Module, changes: Changes) -> None:
    for call, name in _calls(module):
        if name in REORDERED:
            order, renamed = REORDERED[name]
            if _is_in_old_order(module, call, renamed):
                _name_arguments(module, changes, call, order, renamed)
        elif name in CROSS_ENTROPIES:
            _check_cross_entropy(module, changes, call, name)
        elif name == "reverse":
            _list_reversed_axes(module, changes, call)
        elif RESIZING.fullmatch(name):
            _join_sizes(module, changes, call)
    for node in module.nodes:
        if isinstance(node, cst.Attribute):
            _rename(module, changes, node)


def _calls(module: Module) -> Iterator[tuple[cst.Call, str]]:
    for node in module.nodes:
        if isinstance(node, cst.Call) and not any(argument.star for argument in node.args):
            name = names.below_tensorflow(module.name(node.func))
            if name and not is_caught(module, node):
                yield node, name


def _is_in_old_order(module: Module, call: cst.Call, renamed: Mapping[str, str]) -> bool:
    """Whether a call has its axis first: as a number, by its old name, or before what can only be the values."""
    if not keyword_arguments(call).keys().isdisjoint(renamed):
        return True
    positional = _positional(call)
    if not positional:
        return False
    first = positional[0].value
    if _is_whole_number(first):
        return True
    is_axis = isinstance(first, cst.Name) and first.value in AXES
    others = [argument.value for argument in call.args[1:]]
    return is_axis and bool(others) and not any(_is_whole_number(other) for other in others[-1:])


def _is_whole_number(node: Any) -> bool:
    if isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Minus):
        node = node.expression
    return isinstance(node, cst.Integer)


def _positional(call: cst.Call) -> list[cst.Arg]:
    return [argument for argument in call.args if argument.keyword is None]


def _name_arguments(
    module: Module, changes: Changes, call: cst.Call, order: list[str], renamed: Mapping[str, str]
) -> None:
    """Passes the arguments by their names of today, so that none has to move."""
    positional = _positional(call)
    if len(positional) > len(order):
        order = [*order, "name"]
    for argument, name in zip(positional, order):
        start = module.span(argument.value)[0]
        changes.replace_span(start, start, f"{name}=", NAME)
    _rename_keywords(changes, call, renamed)


def _rename_keywords(changes: Changes, call: cst.Call, renamed: Mapping[str, str]) -> None:
    for keyword, argument in keyword_arguments(call).items():
        if keyword in renamed:
            changes.replace(argument.keyword, renamed[keyword], NAME)


def _check_cross_entropy(module: Module, changes: Changes, call: cst.Call, name: str) -> None:
    """Logits came first before 1.0, were refused without a name up to 1.15, and come second in TensorFlow 2."""
    renamed, positional = CROSS_ENTROPIES[name], _positional(call)
    is_old = not keyword_arguments(call).keys().isdisjoint(renamed)
    if is_old or len(positional) == 1:
        if not keyword_arguments(call).keys().isdisjoint({*renamed, "labels"}):
            _name_arguments(module, changes, call, ["logits", "labels"], renamed)
        return
    is_v1 = ".compat.v1." in module.name(call.func)
    if positional and (is_v1 or changes.v1_imports or has_signs_of_tf1(module)):
        changes.find(
            call,
            NAME,
            f"tf.{name} without the names of its arguments: before TensorFlow 1.0 the logits came first, from 1.0 to "
            "1.15 that raised, and in TensorFlow 2 the labels come first",
            "write logits=... and labels=..., as the program means them",
        )


def _list_reversed_axes(module: Module, changes: Changes, call: cst.Call) -> None:
    """`tf.reverse(x, [False, True])` said for each axis whether it is reversed."""
    positional = _positional(call)
    argument: Any = keyword_arguments(call).get("dims") or (positional[1] if len(positional) > 1 else None)
    elements = [element.value for element in getattr(argument and argument.value, "elements", ())]
    if elements and all(isinstance(node, cst.Name) and node.value in ("True", "False") for node in elements):
        axes = [str(axis) for axis, node in enumerate(elements) if node.value == "True"]
        changes.replace(argument.value, f"[{', '.join(axes)}]", NAME)
        _rename_keywords(changes, call, {"dims": "axis"})


def _join_sizes(module: Module, changes: Changes, call: cst.Call) -> None:
    """`resize_images(x, 64, 64)`: both sizes are one argument now."""
    positional = _positional(call)
    if len(positional) >= 3 and _is_whole_number(positional[1].value):
        start, end = module.span(positional[1].value)[0], module.span(positional[2].value)[1]
        changes.replace_span(start, start, "[", NAME)
        changes.replace_span(end, end, "]", NAME)


def _rename(module: Module, changes: Changes, node: cst.Attribute) -> None:
    full = module.name(node)
    name = names.below_tensorflow(full) or ""
    renamed = RENAMED.get(name)
    if renamed is None or not may_rewrite_node(module, node) or is_caught(module, node):
        return
    call = call_of(module, node)
    positional = _positional(call) if call is not None else []
    is_v1 = ".compat.v1." in full or bool(changes.v1_imports)
    if (
        len(positional) > renamed.max_positional
        or any(argument.star for argument in positional)
        or (name in ONLY_IN_V1 and not is_v1)
    ):
        return
    root = node.value.value if "." in name and isinstance(node.value, cst.Attribute) else node.value
    if module.name(root) == full[: -len(name) - 1]:
        changes.replace(node, f"{module.text(root)}.{renamed.name}", NAME)
        changes.needed.add(module.text(root).partition(".")[0])
        if call is not None:
            _rename_keywords(changes, call, renamed.arguments)


_WORDS = sorted(
    {
        *(name.rpartition(".")[2] for name in RENAMED),
        *REORDERED,
        "reverse",
        "resize_\\w+",
        *(name.partition(".")[2] for name in CROSS_ENTROPIES),
    }
)
_MAY_CALL = re.compile(rf"\.\s*(?:{'|'.join(_WORDS)})\b".encode("ascii"))


def worth_parsing(raw: bytes) -> bool:
    """Whether a function that has changed is mentioned."""
    return mentions_tensorflow(raw) and bool(_MAY_CALL.search(raw))


RULE = Rule(
    name=NAME,
    summary="puts calls in the form that TensorFlow had before 1.0 into today's: tf.concat(1, values), tf.pack, tf.mul",
    valid=VALID,
    invalid=INVALID,
    check_file=check_file,
    worth_parsing=worth_parsing,
)

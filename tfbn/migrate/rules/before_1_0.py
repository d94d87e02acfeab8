"""Calls in the form that TensorFlow had before 1.0: other names, other orders of arguments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import libcst as cst

from tfbn.migrate import names
from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Module, last_part
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
    # What local values and names say is today's form; without a sign of age, nothing is said of what they do not tell.
    "import tensorflow.compat.v1 as tf\ndef f(a, n=1):\n    b = [a, a]\n    return tf.concat(b, n), tf.concat(a, n)\n",
    "import tensorflow.compat.v1 as tf\ndef f(a, b, c):\n    return tf.concat(a, b), tf.image.resize_images(a, b, c)\n",
    "import tensorflow.compat.v1 as tf\ny = tf.image.resize_images(x, size, method), tf.concat(axis=1, values=[x])\n",
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
    # Values that have one assignment, and defaults, tell; so do other calls that TensorFlow 1.0 no longer took.
    (
        "import tensorflow.compat.v1 as tf\ndef f(a, n=1):\n    b, k = [a], 3\n    c = [i for i in a]\n    m = 2\n"
        "    return tf.concat(n, b), tf.concat(m, a), tf.concat(a, c)\n",
        "import tensorflow.compat.v1 as tf\ndef f(a, n=1):\n    b, k = [a], 3\n    c = [i for i in a]\n    m = 2\n"
        "    return tf.concat(axis=n, values=b), tf.concat(axis=m, values=a), tf.concat(axis=a, values=c)\n",
    ),
    (
        "import tensorflow.compat.v1 as tf\ny = tf.concat(a, b), tf.mul(a, b), tf.image.resize_images(x, n, m)\n",
        "import tensorflow.compat.v1 as tf\n"
        "y = tf.concat(axis=a, values=b), tf.multiply(a, b), tf.image.resize_images(x, [n, m])\n",
    ),
    (
        "import tensorflow.compat.v1 as tf\ny = tf.image.resize_images(x, self.height, self.width)\n",
        "import tensorflow.compat.v1 as tf\ny = tf.image.resize_images(x, [self.height, self.width])\n",
    ),
    ("import tensorflow.compat.v1 as tf\ny = tf.mul(a, b)\nz = tf.concat(a, b), tf.concat([x], 1)\n", 3),
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
_HEIGHT_AND_WIDTH = re.compile(r"(?:\w*_)?(?:h|height|rows)\d* (?:\w*_)?(?:w|width|cols)\d*", re.IGNORECASE)
_VALUES = (cst.List, cst.Tuple, cst.ListComp)


def check_file(module: Module, changes: Changes) -> None:
    calls = list(_calls(module))
    ages = {id(call): _is_old(module, call, name) for call, name in calls}
    # A program runs on one version of TensorFlow; a file with calls of both ages does not say which one.
    shows_age = True in ages.values() or any(_renamed(module, changes, node) for node in module.nodes)
    is_mixed = shows_age and any(age is False for age in ages.values())
    uncertain = [(call, name) for call, name in calls if ages[id(call)] is None and _may_be_old(call, name)]
    for call, name in uncertain if is_mixed else ():
        changes.find(
            call,
            NAME,
            f"tf.{name} had another order of arguments before TensorFlow 1.0, and this file has calls of both ages",
            "name the arguments, as the program means them",
        )
    for call, name in calls:
        is_old = ages[id(call)]
        if is_old is None and shows_age and not is_mixed and _may_be_old(call, name):
            is_old = True
        if name in REORDERED:
            if is_old:
                _name_arguments(module, changes, call, *REORDERED[name])
        elif name in CROSS_ENTROPIES:
            _check_cross_entropy(module, changes, call, name)
        elif name == "reverse":
            _list_reversed_axes(module, changes, call)
        elif RESIZING.fullmatch(name) and is_old:
            _join_sizes(module, changes, call)
    if uncertain and is_mixed:
        return  # the names show the age of the file until its calls are clear
    for node in module.nodes:
        _rename(module, changes, node)


def _calls(module: Module) -> Iterator[tuple[cst.Call, str]]:
    for node in module.nodes:
        if isinstance(node, cst.Call) and not any(argument.star for argument in node.args):
            name = names.below_tensorflow(module.name(node.func))
            if name and not is_caught(module, node):
                yield node, name


def _is_old(module: Module, call: cst.Call, name: str) -> bool | None:
    """Whether a call has the order of arguments from before 1.0: None where neither it nor local values tell."""
    positional = [argument.value for argument in _positional(call)]
    if RESIZING.fullmatch(name):
        return _has_two_sizes(module, positional)
    if name not in REORDERED:
        return None
    if not keyword_arguments(call).keys().isdisjoint(REORDERED[name][1]):
        return True
    if not positional:
        return None
    first, last = positional[0], call.args[-1].value if len(call.args) > 1 else None
    if _is_number(module, first):
        return True
    if _is_number(module, last) or isinstance(module.assigned_value(first), _VALUES):
        return False
    is_axis = isinstance(first, cst.Name) and first.value in AXES
    return True if last is not None and (is_axis or isinstance(module.assigned_value(last), _VALUES)) else None


def _has_two_sizes(module: Module, positional: list[Any]) -> bool | None:
    if len(positional) < 3:
        return None
    height, width = positional[1:3]
    if _is_number(module, height) or _HEIGHT_AND_WIDTH.fullmatch(f"{last_part(height)} {last_part(width)}"):
        return True
    is_joined = isinstance(module.assigned_value(height), _VALUES) or "method" in module.text(width).lower()
    return False if is_joined or _is_number(module, width) else None


def _may_be_old(call: cst.Call, name: str) -> bool:
    """Whether a call that tells nothing would be another one in the order of old."""
    count = len(_positional(call))
    if RESIZING.fullmatch(name):
        return count >= 3
    return name in REORDERED and count == len(call.args) == len(REORDERED[name][0])


def _is_number(module: Module, node: Any) -> bool:
    """Whether an expression is a whole number: written there, assigned once to a name, or a parameter's default."""
    if not isinstance(node, cst.Name):
        return _is_whole_number(node)
    if _is_whole_number(module.assigned_value(node)):
        return True
    for above in module.parents(node):
        if isinstance(above, cst.FunctionDef):
            params = above.params
            for param in (*params.params, *params.kwonly_params):
                if param.name.value == node.value:
                    is_assigned = len(list(module.scope(node)[node.value])) > 1
                    return not is_assigned and _is_whole_number(param.default)
    return False


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
    start, end = module.span(positional[1].value)[0], module.span(positional[2].value)[1]
    changes.replace_span(start, start, "[", NAME)
    changes.replace_span(end, end, "]", NAME)


def _renamed(module: Module, changes: Changes, node: Any) -> Renamed | None:
    """The new name of a function that may be rewritten."""
    if not isinstance(node, cst.Attribute):
        return None
    full = module.name(node)
    name = names.below_tensorflow(full) or ""
    renamed = RENAMED.get(name)
    if renamed is None or not may_rewrite_node(module, node) or is_caught(module, node):
        return None
    call = call_of(module, node)
    positional = _positional(call) if call is not None else []
    is_v1 = ".compat.v1." in full or bool(changes.v1_imports)
    if (
        len(positional) > renamed.max_positional
        or any(argument.star for argument in positional)
        or (name in ONLY_IN_V1 and not is_v1)
    ):
        return None
    return renamed


def _rename(module: Module, changes: Changes, node: Any) -> None:
    renamed = _renamed(module, changes, node)
    if renamed is None:
        return
    full, call = module.name(node), call_of(module, node)
    name = names.below_tensorflow(full) or ""
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

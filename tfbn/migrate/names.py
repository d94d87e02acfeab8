"""Which of the old names tfbn has, under which name, and what to do about the others.

A name is looked up in full, so `slim.conv2d`, `tcl.conv2d` and `tf.contrib.layers.conv2d` are one function.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tfbn.migrate import name_table, v1_names

CONTRIB = "contrib."  # names here are written without the `tensorflow.` in front
SLIM = "contrib.slim"
V1 = "tensorflow.compat.v1"


class Known(NamedTuple):
    """A name that some rule knows how to rewrite."""

    rule: str
    kind: str  # the family that it was found in
    leaf: str  # the last part of the old name
    target: str | None  # the name in tfbn; None where the rule has to look at the arguments as well


MODULES: dict[str, tuple[str, ...]] = {
    **name_table.MODULES,
    **{
        package + below: families
        for package in name_table.LAYERS_PACKAGES
        for below, families in {
            "": ("layers", "framework") if package == "contrib.slim.layers" else ("layers",),
            ".layers": ("layers",),
            ".initializers": ("layers",),
            ".normalization": ("layers",),
            ".regularizers": ("layers",),
            ".utils": ("utils",),
        }.items()
    },
}
for _module in name_table.MOVED:
    MODULES[_module] = (*MODULES.get(_module, ()), _module)


def _known() -> Iterator[Known]:
    for rewrites in name_table.REWRITES:
        for name in rewrites.names.split():
            leaf, _, new = name.partition("=")
            target = f"{rewrites.home}.{new or leaf}" if rewrites.home else None
            yield Known(rewrites.rule, rewrites.family, leaf, target)
    for module, (place, leaves) in name_table.MOVED.items():
        for leaf in leaves.split():
            yield Known("moved-names", module, leaf, ".".join(filter(None, (V1, place, leaf))))


KNOWN = {(known.kind, known.leaf): known for known in _known()}
ANSWERS = {
    ".".join(filter(None, (answer.module, name))): answer
    for answer in name_table.ANSWERS
    for name in answer.names.split() or [""]
}


def below_tensorflow(name: str) -> str | None:
    """`contrib.slim.conv2d` for every way to spell it in full; None for what is not of TensorFlow or tf_slim."""
    root, _, rest = name.partition(".")
    if root == "tf_slim":
        return f"{SLIM}.{rest}" if rest else SLIM
    if root not in ("tensorflow", "tensorflow_core"):
        return None
    while rest.partition(".")[0] == "compat" and rest.split(".")[1:2] in (["v1"], ["v2"]):
        rest = rest.partition(".")[2].partition(".")[2]
    return rest


def known(name: str) -> Known | None:
    """The function that a full name such as `tensorflow.contrib.slim.batch_norm` stands for, if some rule knows it."""
    rest = below_tensorflow(name)
    if rest is None:
        return _ours(name)
    module, _, leaf = rest.rpartition(".")
    families = MODULES.get(module, ())
    return next((KNOWN[family, leaf] for family in families if (family, leaf) in KNOWN), None)


def _ours(name: str) -> Known | None:
    """A name that is migrated already: no rule rewrites it, but the rules that look for mistakes need it."""
    classes = [f"layers.v1.{leaf}" for leaf in name_table.TF_LAYER_CLASSES.split()]
    known_by_rules = ("batch_norm", "batch_normalization", "BatchNormalization", *classes)
    place, _, leaf = name.partition(".")
    return Known("", "tfbn", leaf.rpartition(".")[2], name) if place == "tfbn" and leaf in known_by_rules else None


def is_of_contrib(name: str) -> bool:
    """Whether it is contrib, tf_slim (which fails from 2.13 on), or something in them."""
    rest = below_tensorflow(name)
    return rest is not None and (rest == "contrib" or rest.startswith(CONTRIB))


def is_dead(name: str) -> bool:
    """Whether TensorFlow 2 has no such name: contrib, tf_slim and tf.layers."""
    rest = below_tensorflow(name)
    return rest is not None and (
        is_of_contrib(name)
        or rest == "layers"
        or any(rest == module or rest.startswith(module + ".") for module in MODULES)
    )


def is_lacking(name: str) -> bool:
    """Whether TensorFlow 2 has no such name as it is spelled: `tensorflow.log`, unlike `tensorflow.compat.v1.log`."""
    rest = below_tensorflow(name)
    if rest is None:
        return False
    is_v1_only = name == f"tensorflow.{rest}" and v1_names.v1_only(rest) is not None
    return is_v1_only or is_dead(name) or v1_names.gone(rest) is not None


def what_is_wrong(name: str) -> str:
    """The message for a dead name that no rule rewrites; tf_slim can be installed, unlike contrib."""
    if name.partition(".")[0] == "tf_slim":
        return f"tfbn has no {name}, and tf_slim itself fails from TensorFlow 2.13 on"
    return f"TensorFlow 2 has no {name}"


def advice(name: str) -> str:
    """What to do about a name that newer TensorFlow lacks and no rule knows, with the lines that take its place."""
    rest = below_tensorflow(name) or name
    module, _, leaf = rest.rpartition(".")
    streamed = f"metrics.{leaf.partition('streaming_')[2]}"
    if module in ("contrib.metrics", "contrib.slim.metrics") and v1_names.v1_only(streamed):
        return f"use tf.compat.v1.{streamed}, where labels come before predictions"
    answer = _answer(rest)
    use = answer.use.replace("`", "")
    if not answer.example:
        return use
    return "\n".join([f"{use}; where tf is tensorflow.compat.v1:", *answer.example.splitlines()])


def _answer(rest: str) -> name_table.Answer:
    """The name's own answer, that of its family's name, or that of the nearest module above."""
    module, _, leaf = rest.rpartition(".")
    families = [f"contrib.{family}" for family in MODULES.get(module, ())]
    for place in [rest, *(f"{family}.{leaf}" for family in families)]:
        if place in ANSWERS:
            return ANSWERS[place]
    while rest and rest not in ANSWERS:
        rest = rest.rpartition(".")[0]
    if rest == "contrib":
        rest = next((family for family in families if family in ANSWERS), rest)
    return ANSWERS[rest]

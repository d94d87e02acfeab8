"""Which files the rules may have work in, from their bytes alone: parsing the others would take hours.

A file that passes may still need nothing; one that does not pass certainly needs nothing.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

# Every spelling has `contrib`, `slim` or a layer of tf.layers in it; tfbn itself, for the rules that look for mistakes.
_WORTH_PARSING = re.compile(
    rb"\bcontrib\b|slim\b|\btfbn\b"
    rb"|(?<!keras\.)\blayers\s*\.\s*(?:average_pooling|batch_normalization|conv\d|dense\b|dropout\b|flatten\b)"
    rb"|(?<!keras\.)\blayers\s*\.\s*(?:max_pooling|separable_conv)|(?<!keras)\.layers\s*\.\s*[A-Z]"
    rb"|\b(?:tf|tf1|v1|tensorflow|python)\s*\.\s*layers\b|=\s*\w+\.layers\s*(?:#.*)?$"
    rb"|from\s+tensorflow(?:\.compat\.v1|\.python)?\s+import\s*(?:\([^)]*|[^#\n]*)\blayers\b",
    re.MULTILINE,
)
_WIRING = (b"UPDATE_OPS", b"update_ops", b"create_train_op", b"get_updates", b"TF1Module", b"updates_collections")
_WIRED = re.compile(
    rb"\bUPDATE_OPS\b|[\"']update_ops[\"']|\bcreate_train_op\b|\bget_updates\b|\bTF1Module\b"
    rb"|updates_collections[\"']?\s*[=:]\s*None"
)
# Naming the collection that updates go to is not running them.
_COLLECTED = re.compile(rb"updates_collections[\"']?\s*[=:]\s*[\w.]*(?:UPDATE_OPS|[\"']update_ops[\"'])")
_STEP = re.compile(rb"\.\s*(?:minimize|apply_gradients)\s*\(")
_IMPORT = re.compile(rb"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+)?import[ \t]+([^#\n;]+)", re.MULTILINE)

_IMPORTS = re.compile(rb"^[ \t]*(?:import|from)[ \t][^\n#;]*", re.MULTILINE)
_BY_STRING = re.compile(
    rb"\b(?:getattr|vars|attrgetter|eval|exec)\s*\(|\b__dict__\b|\b(?:import_module|__import__)\s*\(|\bsys\.modules\b"
    rb"|\btensorflow\s+import\s*\*|\b(?:timeit|cProfile|profile)\b"
)
_TENSORFLOW_AS = re.compile(rb"\btensorflow((?:\.[a-zA-Z]\w*)*)\s+as\s+(\w+)")
_FROM_TENSORFLOW = re.compile(rb"\bfrom\s+(tensorflow(?:\.\w+)*)\s+import\s*(\([^)]*|(?:\\\r?\n|[^#\n;])*)")
_ASSIGNED = re.compile(rb"^[ \t]*(\w+)[ \t]*=[ \t]*(\w+(?:\.\w+)*)[ \t]*(?:#.*)?\r?$", re.MULTILINE)


class FileSummary(NamedTuple):
    """What a file contains, as far as its bytes show without a parser."""

    matches: bool  # worth parsing
    wires: bool  # it names the update ops, to run them
    steps: bool  # it may make training steps
    imports: frozenset[str]  # the last parts of the names of modules that it may import
    mentions_tensorflow: bool  # it may import TensorFlow, or a package that wraps a part of it


def scan(raw: bytes, worth_parsing: Sequence[Callable[[bytes], bool]] = ()) -> FileSummary:
    """Summarizes a file for all rules, some of which have a check of their own in `worth_parsing`.

    Plain searches come first: they are ten times as fast as patterns.
    """
    steps = has(raw, b"minimize", b"apply_gradients") and bool(_STEP.search(raw))
    mentions = mentions_tensorflow(raw)
    if mentions:
        matches = has(raw, b"contrib", b"slim", b"tfbn", b"layers") and bool(_WORTH_PARSING.search(raw))
        wires = has(raw, *_WIRING) and bool(_WIRED.search(_COLLECTED.sub(b"", raw)))
    else:
        # A module may get its layers from another file: `from my_networks import slim`.
        matches = has(raw, b"slim") and bool(re.search(rb"\bslim\s*\.", raw))
        wires = False
    matches = matches or any(is_worth(raw) for is_worth in worth_parsing)
    return FileSummary(matches, wires, steps, _imports(raw), mentions)


def mentions_tensorflow(raw: bytes) -> bool:
    """Whether a file can import TensorFlow, or a package that wraps a part of it."""
    return has(raw, b"tensorflow", b"tf_slim", b"tfbn")


@functools.lru_cache(maxsize=1)  # several rules ask in turn
def tensorflow_names(raw: bytes) -> frozenset[str]:
    """The TensorFlow names that a file imports, or reads below an import, without `tensorflow.` in front."""
    if not has(raw, b"tensorflow"):
        return frozenset()
    bound = {b"tensorflow": b""}  # the local name of a module, and what it is below TensorFlow
    bound.update((local, name[1:]) for name, local in _TENSORFLOW_AS.findall(raw))
    names = set()
    for module, imported in _FROM_TENSORFLOW.findall(raw):
        for name, local in re.findall(rb"(\w+)(?:\s+as\s+(\w+))?", imported):
            bound[local or name] = _joined(module.partition(b".")[2], name)
            names.add(bound[local or name])
    for local, chain in _ASSIGNED.findall(raw):
        root, _, rest = chain.partition(b".")
        if root in bound:
            bound[local] = _joined(bound[root], rest)
    chains = re.compile(rb"\b(" + b"|".join(map(re.escape, bound)) + rb")\s*\.\s*(\w+(?:\s*\.\s*\w+)*)")
    names |= {_joined(bound[root], b"".join(chain.split())) for root, chain in set(chains.findall(raw))}
    return frozenset(name.decode("ascii", "replace") for name in names)


def uses_modules_as_values(raw: bytes) -> bool:
    """Whether a module of TensorFlow may be assigned, passed or inspected, or is imported by a call."""
    if not has(raw, b"tensorflow"):
        return False
    if _BY_STRING.search(raw):
        return True
    bound = {b"tensorflow", *(local for _, local in _TENSORFLOW_AS.findall(raw))}
    for _, imported in _FROM_TENSORFLOW.findall(raw):
        bound.update(local or name for name, local in re.findall(rb"(\w+)(?:\s+as\s+(\w+))?", imported))
    alternatives = b"|".join(map(re.escape, bound))
    as_value = rb"(?<![\w.\"'])(?:" + alternatives + rb")[ \t]*(?:[^\w\s.\"']|\r?$|(?:and|else|for|if|or)\b)"
    bound_twice = rb"(?:\bas|\bimport)[ \t]+(" + alternatives + rb")\b(?s:.*)(?:\bas|\bimport)[ \t]+\1\b"
    code = re.sub(rb"#.*", b"", _IMPORTS.sub(b"", raw))
    return bool(re.search(as_value, code, re.MULTILINE) or re.search(bound_twice, raw))


def _joined(module: bytes, name: bytes) -> bytes:
    return b".".join(part for part in (module, name) if part)


def has(raw: bytes, *words: bytes) -> bool:
    """Whether one of the words is in the text, which may be a memory map."""
    return any(raw.find(word) >= 0 for word in words)


def _imports(raw: bytes) -> frozenset[str]:
    names = set()
    for module, imported in _IMPORT.findall(raw):
        if module:
            names.add(module.rpartition(b".")[2])
        for name in re.findall(rb"[\w.]+", imported):
            names.add(name.rpartition(b".")[2])
    return frozenset(name.decode("ascii", "replace") for name in names)

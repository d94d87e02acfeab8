"""Which files can hold anything for the rules, from their bytes alone: parsing the others would take hours.

What is let through may still hold nothing; what is held back certainly holds nothing.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from tfbn.migrate import v1_names

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
# Saying where the updates go is not running them.
_COLLECTED = re.compile(rb"updates_collections[\"']?\s*[=:]\s*[\w.]*(?:UPDATE_OPS|[\"']update_ops[\"'])")
_STEP = re.compile(rb"\.\s*(?:minimize|apply_gradients)\s*\(")
_TENSORFLOW_AS = re.compile(rb"\btensorflow((?:\.[a-zA-Z]\w*)*)\s+as\s+(\w+)")
_FROM_TENSORFLOW = re.compile(rb"\bfrom\s+(tensorflow(?:\.\w+)*)\s+import\s*(\([^)]*|(?:\\\r?\n|[^#\n;])*)")
_ASSIGNED = re.compile(rb"^[ \t]*(\w+)[ \t]*=[ \t]*(\w+(?:\.\w+)*)[ \t]*(?:#.*)?\r?$", re.MULTILINE)
_IMPORT = re.compile(rb"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+)?import[ \t]+([^#\n;]+)", re.MULTILINE)


class FileSummary(NamedTuple):
    """What the bytes of a file tell without a parser."""

    matches: bool  # worth parsing
    wires: bool  # it names the update ops, to run them
    steps: bool  # it may make training steps
    imports: frozenset[str]  # the last parts of the names of modules that it may import


def scan(raw: bytes, *, compat_v1: bool = False) -> FileSummary:
    """Looks a file over. Plain searches come first: they are ten times as fast as patterns."""
    steps = _has(raw, b"minimize", b"apply_gradients") and bool(_STEP.search(raw))
    if not _has(raw, b"tensorflow", b"tf_slim", b"tfbn"):
        # A module of functions may get its layers from elsewhere, by `from my_networks import slim`.
        matches = _has(raw, b"slim") and bool(re.search(rb"\bslim\s*\.", raw))
        return FileSummary(matches, False, steps, _imports(raw))
    matches = (
        compat_v1
        or (_has(raw, b"contrib", b"slim", b"tfbn", b"layers") and bool(_WORTH_PARSING.search(raw)))
        # A training step in a file of its own, perhaps with its dependencies in the wrong place.
        or (_has(raw, b"UPDATE_OPS", b"update_ops") and _has(raw, b"control_dependencies"))
        or (_has(raw, b"tensorflow") and _uses_v1_names(raw))
    )
    wires = _has(raw, *_WIRING) and bool(_WIRED.search(_COLLECTED.sub(b"", raw)))
    return FileSummary(matches, wires, steps, _imports(raw))


def _uses_v1_names(raw: bytes) -> bool:
    """Whether a name that only TensorFlow 1 has is imported, or stands below what an import binds."""
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
    return any(v1_names.v1_only(name.decode("ascii", "replace")) for name in names)


def _joined(module: bytes, name: bytes) -> bytes:
    return b".".join(part for part in (module, name) if part)


def _has(raw: bytes, *words: bytes) -> bool:
    return any(raw.find(word) >= 0 for word in words)


def _imports(raw: bytes) -> frozenset[str]:
    found = set()
    for module, imported in _IMPORT.findall(raw):
        if module:
            found.add(module.rpartition(b".")[2])
        for name in re.findall(rb"[\w.]+", imported):
            found.add(name.rpartition(b".")[2])
    return frozenset(name.decode("ascii", "replace") for name in found)

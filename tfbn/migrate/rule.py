"""The record of a rule, and helpers that several rules share."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import libcst as cst

from tfbn.errors import Finding
from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Module, Use
from tfbn.migrate.project import Project


class Rule(NamedTuple):
    """One kind of rewriting, or one kind of finding."""

    name: str
    summary: str  # what it does, in a sentence
    valid: Sequence[str]  # sources that the rule leaves alone
    # Sources that it changes or reports, each with the result, or with the line of the finding if it only reports.
    # The first one is shown in the guide; all of them are the rule's tests.
    invalid: Sequence[tuple[str, str | int]]
    check_file: Callable[[Module, Changes], None] | None = None  # records edits and findings of one file
    check_project: Callable[[Project], Mapping[str, list[Finding]]] | None = None  # by path: findings from all files
    worth_parsing: Callable[[bytes], bool] | None = None  # of a text that the prefilter would skip
    chosen: bool = False  # runs only on request
    first: bool = False  # other rules depend on its decisions

    @property
    def rewrites(self) -> bool:
        return any(isinstance(after, str) for _, after in self.invalid)


def rename(module: Module, changes: Changes, rule: str) -> None:
    """Renames each use that the rule knows to its tfbn name. Names that an import binds stay: the import changes."""
    for use in module.uses:
        if use.known and use.known.rule == rule and use.known.target and may_rewrite(use, module, changes):
            changes.replace(use.node, use.known.target, rule)
            changes.use("tfbn", "import tfbn")


def may_rewrite(use: Use, module: Module, changes: Changes) -> bool:
    """Whether the expression is an attribute of a module, certain, and without a comment that would be lost."""
    return use.certain and id(use.node) not in changes.kept and may_rewrite_node(module, use.node)


def may_rewrite_node(module: Module, node: Any) -> bool:
    """Whether a node is an attribute that is read, without a comment that would be lost."""
    return isinstance(node, cst.Attribute) and module.is_load(node) and "#" not in module.text(node)


def call_of(module: Module, node: Any) -> Any:
    """The call whose function `node` is, or None."""
    parent = module.parent(node)
    return parent if isinstance(parent, cst.Call) and parent.func is node else None


def keyword_arguments(call: Any) -> dict[str, Any]:
    """The arguments that a call names."""
    return {argument.keyword.value: argument for argument in call.args if argument.keyword is not None}


def constant_string(node: Any) -> str | None:
    """The value of a plain string, and None for anything else."""
    if not isinstance(node, cst.SimpleString):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes are not the codemod's concern
        value = node.evaluated_value
    return value if isinstance(value, str) else None


def dict_items(module: Module, node: Any) -> dict[str, Any] | None:
    """Keys and values of a dict that the source spells out, directly or under a name; None for any other expression.

    Later changes, by `params["x"] = y` or `params.update(...)`, are ignored.
    """
    node = module.assigned_value(node)
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value == "dict":
        if all(argument.keyword is not None for argument in node.args):
            return {name: argument.value for name, argument in keyword_arguments(node).items()}
    if isinstance(node, cst.Dict):
        items = {}
        for element in node.elements:
            key = constant_string(element.key) if isinstance(element, cst.DictElement) else None
            if key is None:
                return None
            items[key] = element.value
        return items
    return None

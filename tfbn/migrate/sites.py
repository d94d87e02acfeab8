"""Where a module builds batch norm layers, for the rules that look for mistakes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import libcst as cst

from tfbn.migrate.module import Module, last_part
from tfbn.migrate.rule import call_of, constant_string, dict_items, keyword_arguments

LEAVES = ("batch_norm", "batch_normalization", "BatchNormalization")


class Site(NamedTuple):
    """One mention of a batch norm function."""

    node: Any
    leaf: str
    call: Any  # the call of it, or the call that it is an argument of; else None
    is_called: bool


def sites(module: Module) -> list[Site]:
    """Every mention of a batch norm function, migrated or not, in the order of the text."""
    mentions = []
    for use in module.uses:
        if use.known and use.known.leaf in LEAVES and use.known.kind in ("layers", "tf.layers", "tfbn"):
            call = call_of(module, use.node)
            outer_call = next((above for above in module.parents(use.node) if isinstance(above, cst.Call)), None)
            mentions.append(Site(use.node, use.known.leaf, call or outer_call, call is not None))
    return mentions


def layer_arguments(module: Module, site: Site) -> dict[str, Any]:
    """The keyword arguments that a site passes to its layer, as far as the source spells them out."""
    if site.call is None:
        return {}
    arguments = {}
    own = keyword_arguments(site.call)
    if site.is_called or last_part(site.call.func) in ("partial", "arg_scope"):
        arguments.update({name: argument.value for name, argument in own.items()})
        for argument in site.call.args:
            if argument.star == "**":
                arguments.update(dict_items(module, argument.value) or {})
    elif "normalizer_params" in own:
        arguments.update(dict_items(module, own["normalizer_params"].value) or {})
    return arguments


def is_constant(node: Any, *values: str) -> bool:
    """Whether an expression is one of the names False, True and None."""
    return isinstance(node, cst.Name) and node.value in values


def needs_updates(module: Module, site: Site) -> bool:
    """Whether the layer of a site leaves update ops in UPDATE_OPS for the program to run."""
    arguments = layer_arguments(module, site)
    if is_constant(arguments.get("is_training", arguments.get("training")), "False"):
        return False
    if is_constant(arguments.get("updates_collections"), "None"):
        return False
    # tf.layers normalizes with the moving statistics unless training is passed.
    return not (site.leaf == "batch_normalization" and site.is_called and "training" not in arguments)


def function_of(module: Module, node: Any) -> Any:
    """The innermost function that a node is in; None in the module itself."""
    return next((above for above in module.parents(node) if isinstance(above, cst.FunctionDef)), None)


def builders(module: Module) -> set[str]:
    """The names of the module's functions that build a batch norm layer, or call one that does."""
    calls: dict[str, set[str]] = {}
    for node in module.nodes:
        if isinstance(node, cst.Call):
            function = function_of(module, node)
            if function is not None:
                calls.setdefault(function.name.value, set()).add(_own_function(node))
    names = {function.name.value for site in sites(module) if (function := function_of(module, site.node)) is not None}
    growing = True
    while growing:
        more = {name for name, called in calls.items() if called & names} - names
        names |= more
        growing = bool(more)
    return names


def _own_function(call: Any) -> str:
    """`model` for `model(...)` and `self.model(...)`; nothing for a function of another object."""
    func = call.func
    if isinstance(func, cst.Attribute) and not (isinstance(func.value, cst.Name) and func.value.value == "self"):
        return ""
    return last_part(func)


def layers_built(module: Module) -> Iterator[tuple[Any, Any]]:
    """The expressions that build layers, also by calling the module's own functions, each with its function."""
    for site in sites(module):
        yield site.node, function_of(module, site.node)
    own = builders(module)
    for node in module.nodes:
        if isinstance(node, cst.Call) and _own_function(node) in own:
            yield node, function_of(module, node)


def reads_updates(module: Module, node: Any) -> bool:
    """Whether an expression is a call of get_collection that asks for the update ops."""
    if not (isinstance(node, cst.Call) and last_part(node.func) in ("get_collection", "get_collection_ref")):
        return False
    keys = [argument.value for argument in node.args]
    return any(last_part(key) == "UPDATE_OPS" or constant_string(key) == "update_ops" for key in keys)

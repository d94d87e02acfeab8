"""A parsed source file that knows which function or module of TensorFlow an expression stands for."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

import libcst as cst
from libcst import metadata

from tfbn.migrate import module_values, names, syntax
from tfbn.migrate.source.prefilter import uses_modules_as_values
from tfbn.migrate.source.text import Lines
from tfbn.migrate.surroundings import ALONE, Surroundings

POSITIONS_AND_CONTEXTS = (metadata.ByteSpanPositionProvider, metadata.ExpressionContextProvider)


class Use(NamedTuple):
    """An expression that stands for a TensorFlow name that tfbn has, or that TensorFlow 2 lacks."""

    node: Any  # the attribute chain, or the name
    name: str  # in full: tensorflow.contrib.layers.batch_norm
    known: names.Known | None  # None for a dead name that no rule knows
    certain: bool  # False where the name may also be bound to something else


class ModuleReads(NamedTuple):
    """`module_values.ModuleValues` with nodes of this tree: each read is a full name and its node."""

    names: tuple[tuple[str, Any], ...]
    lookups: tuple[tuple[str, Any], ...]
    passed_on: tuple[tuple[str, Any], ...]


class Binding(NamedTuple):
    """A name that an import, or an assignment such as `slim = tf.contrib.slim`, binds to something of TensorFlow."""

    local: str  # the name bound: `tensorflow` for `import tensorflow.contrib.slim`
    name: str  # what it is bound to, in full
    statement: Any  # Import, ImportFrom or Assign
    alias: Any  # the ImportAlias; None for an assignment
    references: tuple[Any, ...]  # the expressions that use it
    top_level: bool  # in the module itself, not in a function or class
    is_foreign: bool  # imported from another file of the project


class Module:
    """The syntax tree of a file with scopes, parents and positions.

    Raises libcst.ParserSyntaxError, and ValueError for text that the tree would not reproduce.
    """

    def __init__(self, data: bytes, surroundings: Surroundings = ALONE) -> None:
        self.data = data
        self.surroundings = surroundings
        self.lines = Lines(data)
        # libcst drops a form feed at the start of a line, which shifts its positions by one; at a line's end it stays.
        text = re.sub(r"(\r\n|\r|\n)(\f+)", r"\2\1", data.decode("utf-8"))
        self.tree = cst.parse_module(text)
        if self.tree.code.rstrip() != text.rstrip():
            raise ValueError(
                "libcst, which this needs, drops some characters, such as a form feed at the start: remove them"
            )
        # The tree is fresh from the parser, so no node occurs twice in it and it need not be copied.
        wrapper = metadata.MetadataWrapper(self.tree, unsafe_skip_copy=True)
        resolved = wrapper.resolve_many([metadata.ScopeProvider, *POSITIONS_AND_CONTEXTS])
        self._scopes = resolved[metadata.ScopeProvider]
        self._spans, self._contexts = (resolved[provider] for provider in POSITIONS_AND_CONTEXTS)
        self._names: dict[Any, tuple[frozenset[str], bool]] = {}
        self._parents: dict[Any, Any] = {}
        self.nodes = list(_walk(self.tree, self._parents))
        self.uses = list(self._find_uses())

    def parent(self, node: Any) -> Any:
        return self._parents.get(node)

    def scope(self, node: Any) -> Any:
        return self._scopes.get(node)

    def parents(self, node: Any) -> Iterator[Any]:
        """The parent, its parent, and so on up to the module."""
        above = self.parent(node)
        while above is not None:
            yield above
            above = self.parent(above)

    def span(self, node: Any) -> tuple[int, int]:
        """Where a node stands in the text: the first byte, and the one after the last."""
        span = self._spans[node]
        return span.start, span.start + span.length

    def text(self, node: Any) -> str:
        start, end = self.span(node)
        return self.data[start:end].decode("utf-8")

    def line(self, node: Any) -> int:
        return self.lines.place(self.span(node)[0])[0]

    def resolve(self, node: Any) -> tuple[frozenset[str], bool]:
        """The full names that an expression may stand for, and whether it can stand for nothing else."""
        if isinstance(node, cst.Attribute):
            candidates, certain = self.resolve(node.value)
            return frozenset(self._full_name(f"{name}.{node.attr.value}") for name in candidates), certain
        if isinstance(node, (cst.Call, cst.Subscript)):
            full = self._imported_by_call(node)
            return frozenset([full] if full else []), bool(full)
        if not isinstance(node, cst.Name) or self._scopes.get(node) is None:
            return frozenset(), False
        return self._names_in(self._scopes[node], node.value)

    def resolve_in(self, scope: Any, name: str) -> frozenset[str]:
        """The full names of a name in a scope, where it can stand for nothing else."""
        candidates, certain = self._names_in(scope, name)
        return candidates if certain else frozenset()

    def _imported_by_call(self, node: Any) -> str:
        text = self.text(node)
        if not text.startswith(("importlib", "import_module", "__import__", "sys.modules")):
            return ""
        statement = syntax.parse(f"({text})").body[0]
        return module_values.imported_by_call(statement.value) if isinstance(statement, ast.Expr) else ""

    @cached_property
    def values(self) -> ModuleReads:
        """Where modules of TensorFlow go as values."""
        if not uses_modules_as_values(self.data):
            return ModuleReads((), (), ())
        by_span = {self.span(node): node for node in self.nodes if isinstance(node, cst.BaseExpression)}

        def node_of(node: ast.expr) -> Any:
            start = self.lines.starts[node.lineno - 1] + node.col_offset
            end = self.lines.starts[(node.end_lineno or 1) - 1] + (node.end_col_offset or 0)
            return by_span.get((start, end))

        def full(node: ast.expr) -> str:
            return self.name(node_of(node))

        def name_at(node: ast.expr, name: str) -> str:
            scope = self._scopes.get(node_of(node))
            return "".join(self.resolve_in(scope, name)) if scope is not None else ""

        def possible(node: ast.expr) -> frozenset[str]:
            return self.resolve(node_of(node))[0]

        reads = module_values.follow(syntax.parse(self.data), module_values.Resolver(full, name_at, possible))
        return ModuleReads(
            *(tuple((full, node_of(node)) for node, full in part if node_of(node) is not None) for part in reads)
        )

    def _names_in(self, scope: Any, name: str) -> tuple[frozenset[str], bool]:
        key = (scope, name)
        if key not in self._names:
            self._names[key] = frozenset(), False  # ends the recursion for `x = x.y`
            self._names[key] = self._resolve_name(*key)
        return self._names[key]

    def name(self, node: Any) -> str:
        """The full name of an expression, and the empty string for one that is unknown or uncertain."""
        candidates, certain = self.resolve(node)
        return next(iter(candidates)) if certain and len(candidates) == 1 else ""

    def known(self, node: Any) -> names.Known | None:
        """What an expression certainly stands for, if that is something that tfbn has."""
        candidates, certain = self.resolve(node)
        all_known = {names.known(name) for name in candidates}
        return all_known.pop() if certain and len(all_known) == 1 else None

    def assigned_value(self, node: Any) -> Any:
        """The value of a name with exactly one assignment, else None; any other expression is returned as it is."""
        if not isinstance(node, cst.Name) or self._scopes.get(node) is None:
            return node
        assignments = list(self._scopes[node][node.value])
        return self._value_of(assignments[0]) if len(assignments) == 1 else None

    def bindings_of(self, node: Any) -> Iterator[tuple[Any, frozenset[str]]]:
        """What binds an expression's first name, except to None, each with the full names that it may then have."""
        while isinstance(node, cst.Attribute):
            node = node.value
        if not isinstance(node, cst.Name) or self._scopes.get(node) is None:
            return
        for assignment in self._scopes[node][node.value]:
            if isinstance(assignment, metadata.ImportAssignment):
                full = self._full_name(_full_name_of(assignment, node.value))
                yield assignment.node, frozenset([full] if full else [])
            else:
                value = self._value_of(assignment)
                if not (isinstance(value, cst.Name) and value.value == "None"):
                    yield getattr(assignment, "node", None), self.resolve(value)[0]

    def is_load(self, node: Any) -> bool:
        """Whether an expression is read, and not assigned to or deleted."""
        return self._contexts.get(node) is metadata.ExpressionContext.LOAD

    def is_store(self, node: Any) -> bool:
        """Whether an expression is assigned to."""
        return self._contexts.get(node) is metadata.ExpressionContext.STORE

    def bindings(self) -> list[Binding]:
        """Every import and every plain assignment of something of TensorFlow, in the order of the text."""
        bindings = []
        for node in self.nodes:
            if isinstance(node, (cst.Import, cst.ImportFrom)) and not isinstance(node.names, cst.ImportStar):
                for alias in node.names:
                    full = self._full_name(imported_name(node, alias))
                    if names.below_tensorflow(full) is not None:
                        local = alias.evaluated_alias or alias.evaluated_name.partition(".")[0]
                        bindings.append(self._binding(node, alias, local, full))
            elif isinstance(node, cst.Assign) and self.is_alias(node):
                target = node.targets[0].target
                bindings.append(self._binding(node, None, target.value, self.name(node.value)))
        return bindings

    def is_alias(self, node: Any) -> bool:
        """Whether a statement is `slim = tf.contrib.slim`, a second name for a dead module."""
        if not (isinstance(node, cst.Assign) and len(node.targets) == 1):
            return False
        if not isinstance(node.value, (cst.Name, cst.Attribute)):
            return False
        target, name = node.targets[0].target, self.name(node.value)
        if not (isinstance(target, cst.Name) and names.is_dead(name) and names.known(name) is None):
            return False
        return not isinstance(self._scopes.get(target), metadata.ClassScope)  # others reach it as an attribute

    def _binding(self, statement: Any, alias: Any, local: str, full: str) -> Binding:
        key = statement if alias is not None else statement.targets[0].target
        scope = self._scopes[key]
        bound = {local}
        if alias is not None and alias.asname is None and isinstance(statement, cst.Import):
            parts = full.split(".")
            bound = {".".join(parts[: count + 1]) for count in range(len(parts))}
        references: list[Any] = []
        # A global statement makes a function's assignment bind in the module.
        for assignment in {a for place in (scope, scope.globals) for name in bound for a in place.assignments[name]}:
            if assignment.node is key:
                references.extend(access.node for access in assignment.references)
        top_level = isinstance(scope, metadata.GlobalScope)
        is_foreign = alias is not None and imported_name(statement, alias) in self.surroundings.spelled
        return Binding(local, full, statement, alias, tuple(dict.fromkeys(references)), top_level, is_foreign)

    def _full_name(self, spelled: str) -> str:
        """The TensorFlow name behind a spelling that reaches it through another file of the project."""
        return self.surroundings.spelled.get(spelled, spelled)

    def _resolve_name(self, scope: Any, name: str) -> tuple[frozenset[str], bool]:
        candidates: set[str] = set()
        certain = True
        for assignment in scope[name]:
            if isinstance(assignment, metadata.ImportAssignment):
                full = self._full_name(_full_name_of(assignment, name))
                inner, sure = (frozenset([full]), True) if full else (frozenset(), False)
            else:
                value = self._value_of(assignment)
                if isinstance(value, cst.Name) and value.value == "None":
                    continue  # a placeholder: nothing can be called or read through it
                inner, sure = self.resolve(value)
            candidates |= inner
            certain &= sure and bool(inner)
        if name in self.surroundings.starred and set(scope[name]) <= set(scope.globals[name]):
            candidates.add(self.surroundings.starred[name])
        return frozenset(candidates), certain and bool(candidates)

    def _value_of(self, assignment: Any) -> Any:
        """The right side of an assignment to a name; None for a parameter, a function, a loop variable and the like."""
        target = self._parents.get(getattr(assignment, "node", None))
        statement = self._parents.get(target)
        if isinstance(target, cst.AssignTarget) and isinstance(statement, cst.Assign):
            return statement.value
        if isinstance(target, cst.AnnAssign) and target.target is assignment.node:
            return target.value
        return None

    def _find_uses(self) -> Iterator[Use]:
        for node in self.nodes:
            if isinstance(node, (cst.Attribute, cst.Name)) and node in self._contexts:
                parent = self._parents.get(node)
                if isinstance(parent, cst.Attribute) and parent.value is node:
                    continue  # resolved together with the attribute
                if isinstance(node, cst.Name) and self._contexts[node] is not metadata.ExpressionContext.LOAD:
                    continue
                if any(isinstance(above, (cst.Import, cst.ImportFrom)) for above in self.parents(node)):
                    continue
                use = self._use(node)
                if use is not None and not (use.known is None and self.is_alias(self.parent(node))):
                    yield use

    def _use(self, node: Any) -> Use | None:
        """The longest part of an attribute chain that is known; all of it where it is dead and unknown."""
        part = node
        while isinstance(part, (cst.Attribute, cst.Name)):
            candidates, certain = self.resolve(part)
            all_known = {names.known(name) for name in candidates}
            if len(all_known) == 1 and None not in all_known:
                return Use(part, sorted(candidates)[0], all_known.pop(), certain)
            part = part.value if isinstance(part, cst.Attribute) else None
        candidates, certain = self.resolve(node)
        dead = sorted(name for name in candidates if names.is_dead(name))
        return Use(node, dead[0], None, certain and len(dead) == len(candidates)) if dead else None


def _walk(node: Any, parents: dict[Any, Any]) -> Iterator[Any]:
    """Every node but whitespace, in the order of the text; puts the parent of each into `parents`."""
    stack: list[Any] = [node]
    while stack:
        node = stack.pop()
        yield node
        children = [child for child in node.children if not isinstance(child, cst.BaseParenthesizableWhitespace)]
        parents.update(dict.fromkeys(children, node))
        stack.extend(reversed(children))


def imported_name(statement: Any, alias: Any) -> str:
    """The full name that an import binds, with the dots of a relative one: `.compat.tf`."""
    if isinstance(statement, cst.Import):
        return str(alias.evaluated_name)
    return f"{source_module(statement)}{'.' if statement.module else ''}{alias.evaluated_name}"


def source_module(statement: Any) -> str:
    """The module that `from ... import` names, with the dots of a relative one."""
    return "." * len(statement.relative) + dotted(statement.module)


def _full_name_of(assignment: Any, name: str) -> str:
    """What an import binds to `name`: `tensorflow` for `import tensorflow.contrib.slim` without `as`."""
    statement = assignment.node
    for alias in statement.names:
        bound = alias.evaluated_alias or alias.evaluated_name
        if bound == assignment.name:
            return imported_name(statement, alias)
        if isinstance(statement, cst.Import) and alias.asname is None and bound.startswith(f"{assignment.name}."):
            return name.partition(".")[0]
    return ""


def dotted(node: Any) -> str:
    """`a.b.c` of an attribute chain, and the empty string for anything else."""
    if isinstance(node, cst.Name):
        return str(node.value)
    if isinstance(node, cst.Attribute):
        value = dotted(node.value)
        return f"{value}.{node.attr.value}" if value else ""
    return ""


def last_part(node: Any) -> str:
    """`minimize` of `optimizer.minimize`, and of a plain name the name."""
    if isinstance(node, cst.Attribute):
        return str(node.attr.value)
    return str(node.value) if isinstance(node, cst.Name) else ""

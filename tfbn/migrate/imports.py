"""Updates imports: takes names from tfbn where it has them, removes unused imports, adds missing ones.

This runs after all rules: only then is it known what is still used.
"""

from __future__ import annotations

import re
from typing import Any

import libcst as cst

from tfbn.migrate import names, v1_names
from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Binding, Module, last_part, source_module
from tfbn.migrate.placement import add_imports
from tfbn.migrate.prepared import is_caught
from tfbn.migrate.source.notebook import MARKER
from tfbn.migrate.standard_library import builds_no_ops
from tfbn.migrate.statements import Removal, replace_statement

RULE = "imports"  # the name that import edits are listed under, whichever rule needs them
_WHY_HERE = "before the imports below, which may build ops"


def update_imports(module: Module, changes: Changes) -> None:
    """Records the edits of import statements, and of assignments such as `slim = tf.contrib.slim`."""
    bindings = module.bindings()
    moved = {id(binding.alias): target for binding in bindings if (target := _target(binding, changes))}
    gone = _unused(module, changes, bindings, moved)
    removal = Removal(module, changes, RULE)
    whole = [binding for binding in bindings if binding.name == "tensorflow" and id(binding) not in gone]
    for statement in {id(binding.statement): binding.statement for binding in bindings}.values():
        own = [binding for binding in bindings if binding.statement is statement]
        out = {id(binding.alias) for binding in own if id(binding) in gone}
        if isinstance(statement, cst.Assign):
            if out:
                removal.add(statement)
        elif len(out) == len(statement.names):
            kept = [] if isinstance(statement, cst.ImportFrom) else _roots(module, changes, own)
            if kept:
                v1 = {"tensorflow": "tensorflow.compat.v1 as tensorflow"} if changes.v1_imports else {}
                changes.replace(statement, f"import {', '.join(v1.get(root, root) for root in kept)}", RULE)
                whole += [binding for binding in own if binding.local == "tensorflow" in kept][:1]
            else:
                removal.add(statement)
        elif out or any(id(alias) in moved for alias in statement.names):
            _rewrite(module, changes, statement, moved, out)
        elif changes.v1_imports:
            _import_v1(module, changes, statement)
    if changes.v1_imports:
        _import_v1_by_other_means(module, changes)
    anchor = removal.finish(bool(changes.modules))
    add_imports(module, changes, anchor, RULE)
    if changes.is_program:
        _switch_v2_off(module, changes, whole, [binding for binding in bindings if id(binding) not in gone])
    if changes.dead_imports:
        _report_dead(module, changes, bindings, gone, moved)


def _target(binding: Binding, changes: Changes) -> str | None:
    """The tfbn name of what an import takes from a dead module."""
    if not isinstance(binding.statement, cst.ImportFrom) or any(
        id(node) in changes.kept for node in binding.references
    ):
        return None
    known = names.known(binding.name)
    return known.target if known and known.rule in changes.enabled else None


def _unused(module: Module, changes: Changes, bindings: list[Binding], moved: dict[int, str]) -> set[int]:
    """The bindings that are unused after the changes; those of live modules only if they were used before."""
    exported, reexports = _exported(module), module.surroundings.is_package or _only_reexports(module)
    gone: set[int] = set()
    spans: list[tuple[int, int]] = []
    growing = True
    while growing:
        growing = False
        for binding in bindings:
            if id(binding) in gone or id(binding.alias) in moved or binding.local in exported | changes.needed:
                continue
            if _is_for_others(module, binding, reexports):
                continue
            uses = [node for node in binding.references if not (changes.covers(node) or _within(module, node, spans))]
            if _is_plain_dotted(binding) and names.is_dead(binding.name):
                uses = [node for node in uses if names.is_dead(module.name(_chain(module, node)))]
            removes_dead = names.is_dead(binding.name) and bool(changes.dead_imports)
            if not uses and (binding.references or removes_dead) and _is_ours(binding, changes):
                gone.add(id(binding))
                if binding.alias is None:
                    spans.append(module.span(binding.statement))
                growing = True
    return gone


def _is_for_others(module: Module, binding: Binding, reexports: bool) -> bool:
    """Whether other files import a name, or may do so outside this run because the module exists to re-export.

    A dead module is removed even if other files import it: their uses are rewritten, or reported there.
    """
    if binding.is_foreign or binding.local.startswith("_") or not binding.top_level:
        return binding.is_foreign and not names.is_dead(binding.name)
    is_imported = binding.local in module.surroundings.shared
    if not names.is_dead(binding.name):
        return is_imported or reexports
    is_module = names.below_tensorflow(binding.name) in names.MODULES
    is_offered = module.surroundings.is_package or (not is_module and (reexports or binding.alias is None))
    return is_offered and not binding.references and not (is_module and is_imported)


def _only_reexports(module: Module) -> bool:
    """Whether a module is nothing but imports and other names for what they bind."""
    return all(
        isinstance(node, (cst.Import, cst.ImportFrom))
        or (isinstance(node, cst.Assign) and isinstance(node.value, (cst.Name, cst.Attribute)))
        or (isinstance(node, cst.Expr) and isinstance(node.value, cst.SimpleString))
        for line in module.tree.body
        for node in (line.body if isinstance(line, cst.SimpleStatementLine) else [line])
    )


def _is_ours(binding: Binding, changes: Changes) -> bool:
    """Whether the import is ours to remove: not if the rule for its name is switched off."""
    known = names.known(binding.name)
    return known is None or known.rule in changes.enabled


def _within(module: Module, node: Any, spans: list[tuple[int, int]]) -> bool:
    start, end = module.span(node)
    return any(first <= start and end <= last for first, last in spans)


def _is_plain_dotted(binding: Binding) -> bool:
    """`import tensorflow.contrib.slim` without `as`: what it binds is the name `tensorflow`."""
    return isinstance(binding.statement, cst.Import) and binding.alias.asname is None and "." in binding.name


def _chain(module: Module, node: Any) -> Any:
    """The whole attribute chain that a name begins."""
    parent = module.parent(node)
    while isinstance(parent, cst.Attribute) and parent.value is node:
        node, parent = parent, module.parent(parent)
    return node


def _roots(module: Module, changes: Changes, own: list[Binding]) -> list[str]:
    """The packages that an `import a.b.c` without `as` binds and that are still used for something else."""
    roots = []
    for binding in own:
        if _is_plain_dotted(binding) and any(not changes.covers(_chain(module, node)) for node in binding.references):
            others = [b for b in module.bindings() if b.local == binding.local and b.statement is not binding.statement]
            if not any(b.top_level and not _is_plain_dotted(b) for b in others):
                roots.append(binding.local)
    return list(dict.fromkeys(roots))


def _rewrite(module: Module, changes: Changes, statement: Any, moved: dict[int, str], out: set[int]) -> None:
    """Rewrites an import some of whose names move to tfbn or are unused."""
    targets = {moved[id(alias)].rpartition(".")[0] for alias in statement.names if id(alias) in moved}
    if len(targets) == 1 and all(id(alias) in moved for alias in statement.names):
        # All names have one new home: only the module's name changes, and parentheses and comments stay.
        changes.replace(statement.module, targets.pop(), RULE)
        for alias in statement.names:
            leaf, old = moved[id(alias)].rpartition(".")[2], alias.evaluated_name
            if leaf != old:
                changes.replace(alias.name, leaf if alias.asname else f"{leaf} as {old}", RULE)
        return
    groups: dict[str, list[str]] = {}
    for alias in statement.names:
        local = alias.evaluated_alias or alias.evaluated_name
        if id(alias) in moved:
            home, _, leaf = moved[id(alias)].rpartition(".")
            groups.setdefault(f"from {home} import ", []).append(leaf if leaf == local else f"{leaf} as {local}")
        elif id(alias) not in out:
            edits = _v1_edits(statement) if changes.v1_imports else {}
            name, start = edits.get(alias.name, alias.evaluated_name), "import "
            if isinstance(statement, cst.ImportFrom):
                start = f"from {edits.get(statement.module, source_module(statement))} import "
            groups.setdefault(start, []).append(f"{name} as {alias.evaluated_alias}" if alias.asname else name)
    replace_statement(module, changes, statement, [start + ", ".join(group) for start, group in groups.items()], RULE)


def _import_v1(module: Module, changes: Changes, statement: Any) -> None:
    """`import tensorflow as tf` becomes the compat.v1 import, `from tensorflow import placeholder` one from there."""
    edits = _v1_edits(statement)
    for node, text in edits.items():
        changes.replace(node, text, changes.v1_imports)
    if isinstance(statement, cst.Import):
        for alias in statement.names:
            if alias.name not in edits and _v1_module(alias.evaluated_name):
                changes.find(
                    alias,
                    changes.v1_imports,
                    f"`import {alias.evaluated_name}` binds TensorFlow 2 to the name `tensorflow`, and the code is TF1",
                    "import tensorflow.compat.v1 as tf, and write tf",
                )


def _import_v1_by_other_means(module: Module, changes: Changes) -> None:
    """Star imports, and `importlib.import_module("tensorflow")`; other expressions for TensorFlow 2 are reported."""
    for node in module.nodes:
        if isinstance(node, cst.ImportFrom) and isinstance(node.names, cst.ImportStar):
            if not node.relative and (new := _v1_module(source_module(node))):
                changes.replace(node.module, new, changes.v1_imports)
        elif isinstance(node, (cst.Call, cst.Subscript)) and _v1_module(module.name(node)):
            if isinstance(node, cst.Call) and last_part(node.func) == "import_module":
                string = node.args[0].value
                changes.replace(
                    string, f"{string.quote}{_v1_module(module.name(node))}{string.quote}", changes.v1_imports
                )
            else:
                problem = f"`{module.text(node)}` is TensorFlow 2, and the code is TF1"
                changes.find(node, changes.v1_imports, problem, 'write importlib.import_module("tensorflow.compat.v1")')


def _v1_edits(statement: Any) -> dict[Any, str]:
    """The nodes of a statement that change where the code is TF1, and what they become."""
    if isinstance(statement, cst.Import):
        edits = {}
        for alias in statement.names:
            new = _v1_module(alias.evaluated_name)
            if new and alias.asname:
                edits[alias.name] = new
            elif alias.evaluated_name == "tensorflow":
                edits[alias.name] = f"{new} as tensorflow"
        return edits
    home = source_module(statement)
    all_contrib = all(names.is_of_contrib(f"{home}.{alias.evaluated_name}") for alias in statement.names)
    new = None if all_contrib else _v1_module(home)
    return {statement.module: new} if new else {}


def _v1_module(name: str) -> str | None:
    """`tensorflow.compat.v1.train` for `tensorflow.train`; None for a module that is not in tf.compat.v1."""
    root, _, rest = name.partition(".")
    if root != "tensorflow" or not (rest == "" or v1_names.is_v1_module(rest)):
        return None
    return f"tensorflow.compat.v1.{rest}" if rest else "tensorflow.compat.v1"


def _switch_v2_off(module: Module, changes: Changes, whole: list[Binding], parts: list[Binding]) -> None:
    """Adds the switch below the first import of TensorFlow, or of its names, and the harmless imports after it."""
    from_imports = [b for b in parts if isinstance(b.statement, cst.ImportFrom) and _v1_edits(b.statement)]
    places = [binding for binding in whole if binding.top_level] or [b for b in from_imports if b.top_level]
    if not places:
        return
    first = min(places, key=lambda binding: module.span(binding.statement))
    line = module.lines.start_of_line(module.span(first.statement)[0])
    last = _last_import_without_ops(module, first.statement)
    below = module.lines.end_of_line(module.span(last)[1])
    indent = re.match("[ \t]*", module.data[line:below].decode("utf-8"))[0]  # type: ignore[index]  # it always matches
    newline = module.lines.newline.decode("ascii")
    guarded = _imports_follow(module, last)
    lines, tf = [], f"{first.local}."
    if first not in whole or first.is_foreign:
        members = "disable_v2_behavior, executing_eagerly" if guarded else "disable_v2_behavior"
        lines, tf = [f"from tensorflow.compat.v1 import {members}"], ""
    lines.append("")  # a formatter wants an empty line below imports
    if guarded:
        # Linters allow imports after an `if` (E402), but not after a call.
        lines += [f"if {tf}executing_eagerly():  # {_WHY_HERE}", f"    {tf}disable_v2_behavior()"]
        lines += [] if module.data[below:].startswith((b"\n", b"\r")) else [""]
    else:
        lines.append(f"{tf}disable_v2_behavior()")
    before = "" if module.data[below - 1 : below] in (b"\n", b"\r") else newline
    text = "".join((indent + line if line else "") + newline for line in lines)
    changes.replace_span(below, below, before + text, changes.v1_imports)


def _imports_follow(module: Module, statement: Any) -> bool:
    """Whether more imports follow an import statement."""
    lines = list(module.tree.body)
    line = module.parent(statement)
    below = lines[lines.index(line) + 1 :] if line in lines else []
    for following in below:
        if isinstance(following, cst.SimpleStatementLine):
            return all(isinstance(small, (cst.Import, cst.ImportFrom)) for small in following.body)
        if not isinstance(following, (cst.If, cst.Try, cst.With)):
            break
    return False


def _last_import_without_ops(module: Module, statement: Any) -> Any:
    """The last of the consecutive imports after a statement that certainly build nothing."""
    line = module.parent(statement)
    lines = list(module.tree.body)
    start = next((index for index, other in enumerate(lines) if other is line), len(lines))
    for following in lines[start:]:
        if not isinstance(following, cst.SimpleStatementLine):
            break
        is_own = len(following.body) == 1 and module.line(following.body[0]) in module.surroundings.lines_without_ops
        if not (is_own or all(map(_builds_no_ops, following.body))):
            break
        if following is not line and _begins_cell(following):
            break
        statement = following.body[-1]
    return statement


def _begins_cell(line: Any) -> bool:
    """Whether a line is the first of a notebook's cell."""
    return any(above.comment is not None and above.comment.value.startswith(MARKER) for above in line.leading_lines)


def _builds_no_ops(statement: Any) -> bool:
    if isinstance(statement, cst.ImportFrom):
        return builds_no_ops(source_module(statement).partition(".")[0])
    return isinstance(statement, cst.Import) and all(
        builds_no_ops(alias.evaluated_name.partition(".")[0]) for alias in statement.names
    )


def _exported(module: Module) -> set[str]:
    """The names in `__all__`."""
    exported: set[str] = set()
    for node in module.nodes:
        if isinstance(node, (cst.Assign, cst.AugAssign)):
            targets = [node.target] if isinstance(node, cst.AugAssign) else [target.target for target in node.targets]
            if any(isinstance(target, cst.Name) and target.value == "__all__" for target in targets):
                elements = getattr(node.value, "elements", ())
                exported |= {e.value.evaluated_value for e in elements if isinstance(e.value, cst.SimpleString)}
    return exported


def _report_dead(
    module: Module, changes: Changes, bindings: list[Binding], gone: set[int], moved: dict[int, str]
) -> None:
    for binding in bindings:
        remains = id(binding) not in gone and id(binding.alias) not in moved
        is_expected = is_caught(module, binding.statement)
        if names.is_dead(binding.name) and remains and not binding.is_foreign and not is_expected:
            changes.find(
                binding.statement if binding.alias is None else binding.alias,
                changes.dead_imports,
                f"{names.what_is_wrong(binding.name)}, and `{binding.local}` is still used or exported",
                "fix the code that uses it and run tfbn migrate again, or remove the import yourself",
            )

"""Where an added import goes: in place of a removed one, below TensorFlow's, or at the top."""

from __future__ import annotations

from typing import Any

import libcst as cst

from tfbn.migrate import names
from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Module, dotted


def add_imports(module: Module, changes: Changes, anchor: Any, rule: str) -> None:
    """Adds those of `changes.modules` that the module does not import yet; `anchor` is a line of imports to remove."""
    newline = module.lines.newline.decode("ascii")
    own_first = sorted(changes.modules.items(), key=lambda item: item[0] != "tfbn")
    missing = [text for name, text in own_first if not imports_at_top(module, name)]
    text = newline.join(missing)
    if anchor is not None:
        start, end = module.span(anchor.body[0])[0], module.span(anchor.body[-1])[1]
        last = module.lines.end_of_line(end)
        if missing:
            changes.replace_span(start, last, text + _line_end(module, end), rule)
        else:
            changes.replace_span(module.lines.start_of_line(start), last, "", rule)
    elif missing:
        offset = _place(module, changes)
        before = "" if offset == 0 or module.data[offset - 1 : offset] in (b"\n", b"\r") else newline
        changes.replace_span(offset, offset, before + text + newline, rule)


def conflicting_binding(module: Module, name: str) -> Any:
    """A node that binds a name, in any scope, to something other than the module of that name, or None."""
    for node in module.nodes:
        scope = module.scope(node)
        if isinstance(node, cst.Name) and node.value == name and scope is not None:
            for assignment in scope.assignments[name]:
                if not isinstance(getattr(assignment, "node", None), (cst.Import, cst.ImportFrom)):
                    return node
    return None


def imports_at_top(module: Module, name: str) -> bool:
    """Whether a statement of the module itself imports it already."""
    for line in module.tree.body:
        if isinstance(line, cst.SimpleStatementLine):
            for small in line.body:
                if isinstance(small, cst.Import) and any(
                    (alias.evaluated_alias or alias.evaluated_name) == name for alias in small.names
                ):
                    return True
    return False


def _line_end(module: Module, offset: int) -> str:
    """The line end of the line that `offset` is in; none on a last line without one."""
    line = module.data[offset : module.lines.end_of_line(offset)]
    return line[len(line.rstrip(b"\r\n")) :].decode("ascii")


def _place(module: Module, changes: Changes) -> int:
    """The offset of the line to insert at: above what uses the import, below TensorFlow's if there is one."""
    first_use = min((change.start for change in changes.changes if change.rule != "imports"), default=len(module.data))
    top, below_imports, below_tensorflow = 0, None, None
    for index, line in enumerate(module.tree.body):
        if not isinstance(line, cst.SimpleStatementLine):
            continue  # imports may stand below a function
        end = module.lines.end_of_line(module.span(line.body[-1])[1])
        if module.span(line.body[0])[0] > first_use:
            break
        first = line.body[0]
        if (
            index == 0
            and isinstance(first, cst.Expr)
            and isinstance(first.value, (cst.SimpleString, cst.ConcatenatedString))
        ):
            top = end
        elif isinstance(first, cst.ImportFrom) and first.module is not None and dotted(first.module) == "__future__":
            top = end
        elif isinstance(first, (cst.Import, cst.ImportFrom)):
            below_imports = end
            if any(_is_tensorflow(small) for small in line.body):
                below_tensorflow = end
    if below_tensorflow is not None:
        return below_tensorflow
    if below_imports is not None:
        return below_imports
    if top or not module.tree.body:
        return top
    first = module.tree.body[0]
    decorators = getattr(first, "decorators", ())
    return module.lines.start_of_line(module.span(decorators[0] if decorators else first)[0])


def _is_tensorflow(small: Any) -> bool:
    if isinstance(small, cst.Import):
        return any(names.below_tensorflow(alias.evaluated_name) is not None for alias in small.names)
    if isinstance(small, cst.ImportFrom) and small.module is not None:
        return names.below_tensorflow(dotted(small.module)) is not None
    return False

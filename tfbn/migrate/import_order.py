"""The order of imports: if a file's imports were sorted as by isort or ruff, the new ones are sorted, too."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

from tfbn.migrate import syntax
from tfbn.migrate.source.notebook import MARKER
from tfbn.migrate.source.text import Lines
from tfbn.migrate.standard_library import is_standard

_WIDTH = 88  # the line length at which formatters wrap

_Key = Callable[["_Import"], Any]


class Replacement(NamedTuple):
    """A span of a text, by its offsets, and its replacement."""

    start: int
    end: int
    text: str


class _Import(NamedTuple):
    """An import statement that shares its lines with no other."""

    node: ast.Import | ast.ImportFrom
    text: str  # its lines, with the comments directly above

    @property
    def module(self) -> str:
        return (self.node.module or "") if isinstance(self.node, ast.ImportFrom) else self.node.names[0].name

    @property
    def level(self) -> int:
        return self.node.level if isinstance(self.node, ast.ImportFrom) else 0

    @property
    def package(self) -> str:
        return self.module.partition(".")[0]

    @property
    def is_bare(self) -> bool:
        """Whether the text is only the statement, on one line, so that it can be rewritten."""
        return not re.search(r"[#(\\*\n]", self.text)


class _Block(NamedTuple):
    """Imports of a module with nothing but comments and blank lines between them, in one cell of a notebook."""

    start: int  # offsets of the text
    end: int
    has_heading: bool  # a comment directly above, on the first import or the file
    groups: list[list[_Import]]  # with blank lines between them
    gaps: list[str]  # the blank lines between groups


def sort_imports(before: bytes, after: bytes) -> list[Replacement]:
    """The replacements that put the imports of a file's new text into the order of the old ones."""
    old_blocks = _blocks(before)
    style = _style(old_blocks)
    new_blocks = _blocks(after)
    if style is None or old_blocks is None or new_blocks is None:
        return []
    is_mixed = any(_is_mixed(group) for block in old_blocks for group in block.groups)
    old_texts = {statement.text for block in old_blocks for group in block.groups for statement in group}
    newline = Lines(after).newline.decode("ascii")
    replacements = []
    for block in new_blocks:
        text = _sorted_text(block, style, old_texts, newline, is_mixed=is_mixed)
        if text is not None:
            ends_line = after[block.start : block.end].endswith((b"\n", b"\r"))
            replacements += _difference(after, block, text if ends_line else text.rstrip("\r\n"))
        gap = _wide_gap(after, block)
        if gap and not any(_wide_gap(before, old) for old in old_blocks):
            replacements.append(Replacement(block.end, block.end + len(gap), newline))
    return replacements


def _wide_gap(data: bytes, block: _Block) -> bytes:
    """The blank lines below imports, if there are several and no definition follows."""
    blank = re.match(rb"(?:[ \t\f]*\r?\n){2,}(?=[^\s#@])(?!(?:async )?def |class )", data[block.end :])
    return blank[0] if blank else b""


def _difference(data: bytes, block: _Block, text: str) -> list[Replacement]:
    """The lines of a block that differ in the new text."""
    old, new = (lines.splitlines(keepends=True) for lines in (data[block.start : block.end], text.encode("utf-8")))
    if old == new:
        return []
    head = len(os.path.commonprefix([old, new]))
    tail = len(os.path.commonprefix([old[head:][::-1], new[head:][::-1]]))
    start, end = block.start + len(b"".join(old[:head])), block.end - len(b"".join(old[len(old) - tail :]))
    return [Replacement(start, end, b"".join(new[head : len(new) - tail]).decode("utf-8"))]


def _blocks(data: bytes) -> list[_Block] | None:
    """The blocks of imports; None where an import shares its lines with another statement, or imports several."""
    lines = Lines(data)
    ends = [*lines.starts[1:], len(data)]
    texts = [data[start:end].decode("utf-8") for start, end in zip(lines.starts, ends)]
    body = syntax.parse(data).body
    blocks: list[_Block] = []
    above, is_open = 0, False  # the lines up to the end of the statement above, and whether that is an import
    for node in body:
        first, last = node.lineno - 1, node.end_lineno or node.lineno
        is_import = isinstance(node, (ast.Import, ast.ImportFrom))
        if first < above and (is_import or is_open):
            return None
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            if isinstance(node, ast.Import) and len(node.names) > 1:
                return None
            own = first
            while own > above and re.match(rf"\s*#(?!{MARKER[1:]})", texts[own - 1]):
                own -= 1
            blank = "".join(texts[above:own])
            if is_open and not blank.strip():
                block = blocks.pop()
                if blank:
                    block.gaps.append(blank)
                    block.groups.append([])
                block.groups[-1].append(_Import(node, "".join(texts[own:last]).rstrip("\r\n")))
                blocks.append(block._replace(end=ends[last - 1]))
            else:
                statement = _Import(node, "".join(texts[first:last]).rstrip("\r\n"))
                blocks.append(_Block(lines.starts[first], ends[last - 1], own < first, [[statement]], []))
        above, is_open = last, is_import
    return blocks


def _style(blocks: list[_Block] | None) -> _Key | None:
    """The key that all groups are sorted by, or None."""
    groups = [group for block in blocks or [] for group in block.groups]
    return next((key for key in (_imports_first, _by_module) if all(sorted(g, key=key) == g for g in groups)), None)


def _imports_first(statement: _Import) -> Any:
    """The default of isort and ruff."""
    is_from = isinstance(statement.node, ast.ImportFrom)
    return statement.module != "__future__", statement.level > 0, is_from, _by_module(statement)


def _by_module(statement: _Import) -> Any:
    """As with `force_sort_within_sections`."""
    first = statement.node.names[0]
    return (
        statement.module != "__future__",
        -statement.level,
        _natural(statement.module),
        isinstance(statement.node, ast.ImportFrom),
        _member_key(first),
    )


def _natural(name: str) -> Any:
    """A sort key: numbers by value, letters first without regard to case."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdigit() else (-1, part.lower()) for part in parts], name


def _member_key(alias: ast.alias) -> Any:
    """Constants, then classes, then the rest."""
    name = alias.name
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, _natural(name), _natural(alias.asname or "")


def _sorted_text(block: _Block, style: _Key, old_texts: Collection[str], newline: str, *, is_mixed: bool) -> str | None:
    """The sorted text of a block; None if its order must not change.

    A later import may override a name of a star import, and a comment above the block stays with its first import.
    """
    if any(alias.name == "*" for group in block.groups for statement in group for alias in statement.node.names):
        return None
    groups, gaps = (block.groups, block.gaps) if is_mixed else _with_third_party(block, newline)
    groups = [sorted(_merge_new(group, old_texts, newline), key=style) for group in groups]
    if block.has_heading and groups[0][0].text != block.groups[0][0].text:
        return None
    texts = [newline.join(statement.text for statement in group) + newline for group in groups]
    return "".join(text + gap for text, gap in zip(texts, [*gaps, ""]))


def _is_mixed(group: list[_Import]) -> bool:
    """Whether the standard library's imports and others stand together, without blank lines between them."""
    kinds = {bool(statement.level) or is_standard(statement.package) for statement in group}
    return len(kinds) > 1


def _with_third_party(block: _Block, newline: str) -> tuple[list[list[_Import]], list[str]]:
    """The groups, with tfbn's imports split off from the standard library's and from relative ones."""
    groups: list[list[_Import]] = []
    gaps: list[str] = []
    for group, gap in zip(block.groups, [*block.gaps, ""]):
        ours = [statement for statement in group if statement.package == "tfbn" and not statement.level]
        others = [statement for statement in group if statement not in ours]
        split = [group]
        if ours and others and all(not other.level and is_standard(other.package) for other in others):
            split = [others, ours]
        elif ours and others and all(other.level for other in others):
            split = [ours, others]
        groups += split
        gaps += [*([newline] * (len(split) - 1)), gap]
    return groups, gaps[:-1]


def _merge_new(group: list[_Import], old_texts: Collection[str], newline: str) -> Iterator[_Import]:
    """Merges new `from` imports into one per module and one per `as` name, as isort does; other statements stay."""
    merged: dict[tuple[int, str], list[_Import]] = {}
    for statement in group:
        if isinstance(statement.node, ast.ImportFrom) and statement.is_bare:
            merged.setdefault((statement.level, statement.module), []).append(statement)
        else:
            yield statement
    for statements in merged.values():
        if all(statement.text in old_texts for statement in statements):
            yield from statements
            continue
        aliases = sorted((alias for statement in statements for alias in statement.node.names), key=_member_key)
        unnamed = list({alias.name: alias for alias in aliases if alias.asname is None}.values())
        module = f"from {'.' * statements[0].level}{statements[0].module} import "
        for names in [unnamed, *([alias] for alias in aliases if alias.asname is not None)]:
            if names:
                yield _from_import(module, names, newline)


def _from_import(start: str, aliases: list[ast.alias], newline: str) -> _Import:
    members = [f"{alias.name} as {alias.asname}" if alias.asname else alias.name for alias in aliases]
    text = start + ", ".join(members)
    if len(text) > _WIDTH:
        text = newline.join([f"{start}(", *(f"    {member}," for member in members), ")"])
    node = syntax.parse(text).body[0]
    assert isinstance(node, ast.ImportFrom)
    return _Import(node, text)

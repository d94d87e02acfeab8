"""Python's own parser: fast, safe against deep nesting unlike libcst's, and with better messages."""

from __future__ import annotations

import ast
import warnings
from typing import Any

# libcst's parser recurses for every level, and running out of stack kills the process.
MAX_DEPTH = 1000
TOO_DEEP = "its expressions are nested too deeply to be followed"


def parse(source: bytes | str) -> ast.Module:
    """The tree of a source, without warnings about it.

    Raises SyntaxError for what this Python does not parse, ValueError for nesting that is too deep.
    """
    return _compile(source, ast.PyCF_ONLY_AST)


def check_compiles(source: str, *, in_notebook: bool = False) -> None:
    """Raises what `parse` does, and SyntaxError also for what parses and does not compile, such as a stray `return`."""
    _compile(source, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT if in_notebook else 0)


def _compile(source: bytes | str, flags: int) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes and the like are not the codemod's concern
        try:
            return compile(source, "<source>", "exec", flags, dont_inherit=True)
        except (RecursionError, MemoryError) as error:
            raise ValueError(TOO_DEEP) from error
        except SyntaxError as error:
            if "too many nested" in error.msg:
                raise ValueError(f"line {error.lineno}: {TOO_DEEP}") from error
            raise


def check_nesting(tree: ast.Module) -> None:
    """Raises ValueError, with the line, for a tree that is too deep for libcst."""
    stack: list[tuple[ast.AST, int]] = [(tree, 0)]
    while stack:
        node, depth = stack.pop()
        # `a and b and c` is one node here, and nested ones in libcst.
        depth += len(node.values) if isinstance(node, ast.BoolOp) else 1
        if depth > MAX_DEPTH:
            raise ValueError(f"line {getattr(node, 'lineno', 1)}: {TOO_DEEP}")
        stack.extend((child, depth) for child in ast.iter_child_nodes(node))

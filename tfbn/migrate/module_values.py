"""Modules of TensorFlow used as values, followed through parameters, attributes, containers and getattr.

Names that an import or a plain assignment binds are resolved elsewhere; this follows the rest:
`def f(lib=tf)`, `self.lib = tf`, `tf, np = tensorflow, numpy`, `(lambda: tf)().Session`. It goes by names and scopes,
not by the order of execution, so it tells what an expression may be.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Union

from tfbn.migrate import code_strings, names
from tfbn.migrate.tensorflow_names import V1_MODULES, V1_ONLY

Function = Union[ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda]
# The id of the scope that binds a name, and the name; ATTRIBUTE for an attribute of any object.
Key = tuple[int, str]

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_THROUGH = (ast.List, ast.Set, ast.Dict, ast.Starred, ast.IfExp, ast.BoolOp, ast.Await)
ATTRIBUTE = MODULE = 0
V1_MODULE = "tensorflow.compat.v1"
# Functions that take a module and read none of its names, or none that matters.
HARMLESS = frozenset(
    "delattr dir getfile getmodule getsource hasattr help id isinstance object print reload repr setattr str "
    "type".split()
)
_CHAIN = re.compile(r"(?<![\w.])([A-Za-z_]\w*)((?:\.[A-Za-z_]\w*)*)(\.?)")
_DISTINCTIVE = re.compile(r"[A-Z_]")
MIN_PIECE = 4  # letters; shorter parts of a name are no hint, unlike `Optimizer`


class Read(NamedTuple):
    """An expression that may read a name of TensorFlow, or pass on a module of it."""

    node: ast.expr
    full: str  # the name, or the module


class ModuleValues(NamedTuple):
    """How a file uses TensorFlow's modules as values."""

    names: list[Read]
    lookups: list[Read]  # names that are computed when the program runs
    passed_on: list[Read]  # arguments of functions defined elsewhere


class Resolver(NamedTuple):
    """How names of a file resolve without following values."""

    full: Callable[[ast.expr], str]  # the full name that an expression certainly stands for, in any package, or ""
    name_at: Callable[[ast.expr, str], str]  # the same for a name, in the scope of an expression
    possible: Callable[[ast.expr], Iterable[str]] = lambda node: ()  # what an expression without one may be


def imported_by_call(node: ast.expr) -> str:
    """`tensorflow` for `importlib.import_module("tensorflow")` and `sys.modules["tensorflow"]`, else empty."""
    if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "sys.modules":
        return _constant(node.slice)
    if not (isinstance(node, ast.Call) and node.args):
        return ""
    name = _constant(node.args[0])
    if _leaf(node.func) == "import_module":
        return name
    if isinstance(node.func, ast.Name) and node.func.id == "__import__":
        return name if any(keyword.arg == "fromlist" for keyword in node.keywords) else name.partition(".")[0]
    return ""


def follow(tree: ast.Module, resolver: Resolver) -> ModuleValues:
    """Follows the modules of TensorFlow through a file."""
    return _Flow(tree, resolver).run()


class _Flow:
    def __init__(self, tree: ast.Module, resolver: Resolver) -> None:
        self.resolver = resolver
        self.parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
        self.functions: dict[str, list[Function]] = {}
        self.fields: dict[str, list[str]] = {}  # annotated in classes, such as dataclasses
        self.bound: dict[int, set[str]] = {}  # the local names of each function
        for node in ast.walk(tree):
            if isinstance(node, _FUNCTIONS):
                self.bound[id(node)] = _bound_in(node)
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self.functions.setdefault(node.name, []).append(node)
            elif isinstance(node, ast.ClassDef):
                constructors = [
                    inner for inner in node.body if isinstance(inner, ast.FunctionDef) and inner.name == "__init__"
                ]
                self.functions.setdefault(node.name, []).extend(constructors)
                annotated = [field.target for field in node.body if isinstance(field, ast.AnnAssign)]
                self.fields[node.name] = [field.id for field in annotated if isinstance(field, ast.Name)]
        self.expressions = [node for node in ast.walk(tree) if isinstance(node, ast.expr)]
        self.strings = set(map(_constant, self.expressions))
        self.assigned: dict[str, set[str]] = {}  # the strings assigned to each name
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self.assigned.setdefault(node.targets[0].id, set()).add(_constant(node.value))
        self.carriers: dict[Key, set[str]] = {}
        self.inside: dict[int, set[str]] = {}  # modules in expressions without a name: `(tf if new else old).Session`
        self.visited: set[tuple[int, str]] = set()
        self.values = ModuleValues([], [], [])

    def run(self) -> ModuleValues:
        for node in self.expressions:
            if is_module(full := self.resolver.full(node)):
                self._flow(node, full)
            elif isinstance(node, ast.Call) and _leaf(node.func) in code_strings.IN_THIS_PROCESS:
                self._read_code(node)
        count = -1
        while count < sum(map(len, self.carriers.values())):
            count = sum(map(len, self.carriers.values()))
            for node in self.expressions:
                for full in self._possible_modules(node):
                    self._flow(node, full)
        self._read_chains()
        return self.values

    def _possible_modules(self, node: ast.expr) -> set[str]:
        """The modules that an expression may stand for, by its name."""
        if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load) or self.resolver.full(node):
            return set()
        key = self._key(node)
        modules = set(self.carriers.get(key, ())) if key else set(self.inside.get(id(_container(node)), ()))
        modules.update(filter(is_module, self.resolver.possible(node)))
        # A program with a branch for each version is prepared for both.
        return {full for full in modules if full.startswith(V1_MODULE)} or modules

    def _key(self, node: ast.expr) -> Key | None:
        """The key of an expression; a call has that of its function, an item that of its container."""
        node = _container(node)
        if isinstance(node, ast.Attribute):
            return ATTRIBUTE, f".{node.attr}"
        return (self._scope(node, node.id), node.id) if isinstance(node, ast.Name) else None

    def _scope(self, node: ast.AST, name: str) -> int:
        """The innermost function around a node that binds the name."""
        above = self.parents.get(node)
        while above is not None:
            # Defaults and decorators are outside of their function.
            if name in self.bound.get(id(above), ()) and is_inside(node, above):
                return id(above)
            node, above = above, self.parents.get(above)
        return MODULE

    def _enclosing_definition(self, node: ast.AST) -> ast.AST | None:
        above = self.parents.get(node)
        while above is not None and not isinstance(above, (*_FUNCTIONS, ast.ClassDef)):
            above = self.parents.get(above)
        return above

    def _carry(self, key: Key, full: str) -> None:
        self.carriers.setdefault(key, set()).add(full)

    def _bind(self, target: ast.AST | None, full: str) -> None:
        if isinstance(target, ast.Name):
            self._carry((self._scope(target, target.id), target.id), full)
            if isinstance(self._enclosing_definition(target), ast.ClassDef):
                self._carry((ATTRIBUTE, f".{target.id}"), full)
        elif isinstance(target, ast.Attribute):
            self._carry((ATTRIBUTE, f".{target.attr}"), full)
        elif isinstance(target, ast.Subscript):
            self._bind(target.value, full)
            if name := _constant(target.slice):  # globals()["tf"] = tensorflow
                self._carry((MODULE, name), full)
        elif isinstance(target, (ast.Tuple, ast.List)):
            for element in target.elts:
                self._bind(element, full)
        elif isinstance(target, ast.Starred):
            self._bind(target.value, full)

    def _flow(self, node: ast.expr, full: str) -> None:
        """Follows a module from an expression to whatever receives it."""
        if (id(node), full) in self.visited:
            return
        self.visited.add((id(node), full))
        parent, index = self.parents.get(node), None
        child: ast.AST = node
        while isinstance(parent, _THROUGH) or isinstance(parent, ast.Tuple):
            index = parent.elts.index(child) if isinstance(parent, ast.Tuple) else None  # type: ignore[arg-type]
            child, parent = parent, self.parents.get(parent)
        if child is not node and isinstance(parent, (ast.Attribute, ast.Subscript)):
            self.inside.setdefault(id(child), set()).add(full)
        if isinstance(parent, ast.Assign):
            for target in parent.targets:
                has_index = index is not None and isinstance(target, (ast.Tuple, ast.List))
                elements = target.elts if has_index else []  # type: ignore[attr-defined]
                is_pair = has_index and len(elements) == len(child.elts)  # type: ignore[attr-defined]
                self._bind(elements[index or 0] if is_pair else target, full)
        elif isinstance(parent, (ast.AnnAssign, ast.NamedExpr)):
            self._bind(parent.target, full)
            if isinstance(parent, ast.NamedExpr):
                self._flow(parent, full)
        elif isinstance(parent, (ast.For, ast.AsyncFor, ast.comprehension)):
            self._bind(parent.target, full)
        elif isinstance(parent, ast.withitem):
            self._bind(parent.optional_vars, full)
        elif isinstance(parent, ast.arguments):
            self._follow_default(parent, child, full)
        elif type(parent).__name__ == "Match" and child is parent.subject:  # type: ignore[union-attr]  # from 3.10 on
            for inner in ast.walk(parent):  # type: ignore[arg-type]
                for name in _captures(inner):
                    self._carry((self._scope(inner, name), name), full)
        elif isinstance(parent, (ast.Return, ast.Yield)):
            self._follow_return(self._enclosing_definition(parent), full)
        elif isinstance(parent, ast.Lambda):
            self._flow(parent, full)
        elif isinstance(parent, ast.keyword):
            keywords = [parent.arg] if parent.arg else self._unpacked_keywords(child, node)
            for keyword in keywords:
                self._follow_argument(self.parents[parent], child, keyword, full)
        elif isinstance(parent, ast.Call) and child is not parent.func:
            self._follow_argument(parent, child, None, full)
        elif isinstance(parent, ast.Attribute) and parent.attr == "__dict__":
            self._follow_item(parent, full)

    def _follow_default(self, arguments: ast.arguments, default: ast.AST, full: str) -> None:
        positional = [*arguments.posonlyargs, *arguments.args]
        pairs = [
            *zip(reversed(positional), reversed(arguments.defaults)),
            *zip(arguments.kwonlyargs, arguments.kw_defaults),
        ]
        function = self.parents[arguments]
        for argument, value in pairs:
            if value is default:
                self._carry((id(function), argument.arg), full)

    def _follow_return(self, function: ast.AST | None, full: str) -> None:
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            self._carry((self._scope(function, function.name), function.name), full)
            self._carry((ATTRIBUTE, f".{function.name}"), full)
        elif isinstance(function, ast.Lambda):
            self._flow(function, full)

    def _unpacked_keywords(self, mapping: ast.AST, value: ast.expr) -> list[str]:
        """The keywords by which `**mapping` may pass a value: any of the file's strings if it is not a literal dict."""
        if isinstance(mapping, ast.Dict) and value in mapping.values:
            key = mapping.keys[mapping.values.index(value)]
            return [_constant(key)] if key is not None else []
        names = {keyword.arg for node in self.expressions if isinstance(node, ast.Call) for keyword in node.keywords}
        return sorted(name for name in {*self.strings, *names} if name)

    def _follow_argument(self, call: ast.AST, argument: ast.AST, keyword: str | None, full: str) -> None:
        """Follows a module passed to getattr and the like, or to a function of this file."""
        if not isinstance(call, ast.Call):
            return
        name = _leaf(call.func)
        if name == "partial" and call.args and call.args[0] is not argument:
            call = ast.Call(call.args[0], call.args[1:], call.keywords)
            name = _leaf(call.func)
        if isinstance(call.func, ast.Call) and _leaf(call.func.func) == "attrgetter" and call.func.args:
            self._look_up(call, call.func.args[0], full)
        elif name in ("getattr", "vars") and call.args[:1] == [argument]:
            if name == "vars":
                self._follow_item(call, full)
            elif len(call.args) == 2:  # with a default, the program is prepared for its absence
                self._look_up(call, call.args[1], full)
        elif name == "setattr" and len(call.args) == 3 and call.args[2] is argument:
            self._carry((ATTRIBUTE, f".{_constant(call.args[1])}"), full)
        elif name == "dict":
            self._flow(call, full)
        elif name in self.functions:
            for function in self.functions[name]:
                for parameter in _parameters(function, call, argument, keyword):
                    self._carry((id(function), parameter), full)
            for field in self.fields.get(name, ()):
                self._carry((ATTRIBUTE, f".{field}"), full)
        elif name not in HARMLESS and isinstance(argument, ast.expr):
            self.values.passed_on.append(Read(argument, full))

    def _follow_item(self, mapping: ast.expr, full: str) -> None:
        """`vars(tf)["Session"]`, `tf.__dict__[name]`, `tf.__dict__.get("Session")`."""
        parent = self.parents.get(mapping)
        if isinstance(parent, ast.Subscript) and parent.value is mapping:
            self._look_up(parent, parent.slice, full)

    def _look_up(self, node: ast.expr, name: ast.expr, full: str) -> None:
        """A name that is looked up by a string; if it is computed, strings of the file may tell which are meant."""
        constant = _constant(name)
        if constant:
            self.values.names.append(Read(node, f"{full}.{constant}"))
            return
        below = names.below_tensorflow(full) or ""
        prefix = f"{below}." if below else ""
        only_v1 = [known[len(prefix) :] for known in V1_ONLY if known.startswith(prefix)]
        pieces = [piece for inner in ast.walk(name) if len(piece := _constant(inner)) >= MIN_PIECE and _is_name(piece)]
        spelled = sorted(
            leaf
            for leaf in only_v1
            if (leaf in self.strings and _DISTINCTIVE.search(leaf))
            or any(leaf.startswith(piece) or leaf.endswith(piece) for piece in pieces)
        )
        if spelled:
            self.values.names.append(Read(node, f"{full}.{spelled[0]}"))
        elif only_v1:
            self.values.lookups.append(Read(node, full))

    def _read_code(self, call: ast.Call) -> None:
        """Names in strings that are executed, as far as the source spells them out."""
        arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
        for inner in (inner for argument in arguments for inner in ast.walk(argument)):
            texts = self.assigned.get(inner.id, set()) if isinstance(inner, ast.Name) else {_constant(inner)}
            for text in sorted(texts):
                if code_strings.imports_tensorflow(text):
                    continue  # it reads names by its own import
                for root, chain, is_open in _CHAIN.findall(text):
                    full = self.resolver.name_at(call.func, root)
                    if names.below_tensorflow(full) is not None and chain:
                        self.values.names.append(Read(call, f"{full}{chain}"))
                    if is_open and is_module(f"{full}{chain}"):
                        self.values.lookups.append(Read(call, f"{full}{chain}"))

    def _read_chains(self) -> None:
        """Collects the attribute chains that begin with a possible module."""
        for node in self.expressions:
            parent = self.parents.get(node)
            is_inner = isinstance(parent, ast.Attribute) and isinstance(parent.ctx, ast.Load)
            if not isinstance(node, ast.Attribute) or is_inner or not isinstance(node.ctx, ast.Load):
                continue
            tail, base = "", node
            while isinstance(base, ast.Attribute):
                tail, base = f".{base.attr}{tail}", base.value  # type: ignore[assignment]
                self.values.names.extend(Read(node, f"{full}{tail}") for full in sorted(self._possible_modules(base)))


def is_inside(child: ast.AST, function: ast.AST) -> bool:
    """Whether a child of a function's node runs when the function is called, rather than where it is defined."""
    return child is not getattr(function, "args", None) and child not in getattr(function, "decorator_list", ())


def is_module(full: str) -> bool:
    """Whether a full name is that of TensorFlow itself or of one of its public modules."""
    below = names.below_tensorflow(full)
    return below is not None and (below == "" or below in V1_MODULES)


def _bound_in(function: Function) -> set[str]:
    """The names that a function itself binds, without those of functions and classes in it."""
    arguments = [node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)]
    bound, outer = set(arguments), set()
    stack: list[ast.AST] = list(function.body) if not isinstance(function, ast.Lambda) else []
    while stack:
        node = stack.pop()
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            outer.update(node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        elif isinstance(node, ast.alias):
            bound.add(node.asname or node.name.partition(".")[0])
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            bound.add(node.name)
            continue
        bound.update(_captures(node))
        if not isinstance(node, ast.Lambda):
            stack.extend(ast.iter_child_nodes(node))
    return bound - outer


def _container(node: ast.expr) -> ast.expr:
    """The object that a chain of calls and subscripts starts from."""
    while isinstance(node, (ast.Call, ast.Subscript)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node


def _captures(node: ast.AST) -> list[str]:
    """The name that a pattern of a `match` statement binds, or none; its node classes exist from Python 3.10 on."""
    field = {"MatchAs": "name", "MatchStar": "name", "MatchMapping": "rest"}.get(type(node).__name__)
    name = getattr(node, field) if field else None
    return [name] if name else []


def _parameters(function: Function, call: ast.Call, argument: ast.AST, keyword: str | None) -> list[str]:
    """The parameters that may take an argument of a call; a method's first is bound already."""
    arguments = function.args
    positional = [parameter.arg for parameter in (*arguments.posonlyargs, *arguments.args)]
    if keyword is not None:
        is_named = keyword in positional or keyword in [parameter.arg for parameter in arguments.kwonlyargs]
        return [keyword] if is_named else _star(arguments.kwarg)
    if positional[:1] in (["self"], ["cls"]):
        positional = positional[1:]
    index = call.args.index(argument) if argument in call.args else len(positional)  # type: ignore[arg-type]
    if isinstance(argument, ast.Starred):
        return [*positional[index:], *_star(arguments.vararg)]
    return [positional[index]] if index < len(positional) else _star(arguments.vararg)


def _star(parameter: ast.arg | None) -> list[str]:
    return [parameter.arg] if parameter else []


def _is_name(text: str) -> bool:
    return text.replace(".", "").isidentifier()


def _constant(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _leaf(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


def reads_below(values: ModuleValues, is_wanted: Callable[[str], bool]) -> Iterator[Read]:
    """The reads of names that are wanted, each expression once."""
    yielded: set[int] = set()
    for read in values.names:
        if id(read.node) not in yielded and is_wanted(read.full):
            yielded.add(id(read.node))
            yield read

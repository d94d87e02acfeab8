"""The reference of the site: a page for each public module, made from the signatures and docstrings in the source.

Nothing of tfbn is imported, so that the site is built without TensorFlow.
"""

from __future__ import annotations

import ast
import itertools
import re
import textwrap
from pathlib import Path
from typing import NamedTuple

from mkdocs.structure.files import File

PACKAGE = Path(__file__).resolve().parents[1] / "tfbn"
# The pages, each with the module whose public names it has.
PAGES = {
    "api.md": "tfbn",
    "api_checkpoint.md": "tfbn.checkpoint",
    "api_export.md": "tfbn.export",
    "api_fold.md": "tfbn.fold",
    "api_functional.md": "tfbn.functional",
    "api_keras.md": "tfbn.keras",
    "api_layers.md": "tfbn.layers",
    "api_layers_v1.md": "tfbn.layers.v1",
    "api_recalibrate.md": "tfbn.recalibrate",
}
SECTION = re.compile(r"(Args|Attributes|Raises|Returns|Yields|References|Example|Examples):")
LINE = 88  # of a signature that is not broken


class Definition(NamedTuple):
    """A public name and what stands behind it."""

    name: str  # with the module that it is public in, such as tfbn.layers.conv2d
    node: ast.FunctionDef | ast.ClassDef | ast.Module


def on_files(files, *, config):
    """Adds the pages."""
    for page, module in PAGES.items():
        files.append(File.generated(config, page, content=render(module)))
    return files


def on_page_markdown(markdown, *, page, config, files):
    """The first mention of a public name on a page of the guide leads to its place in the reference."""
    if page.file.src_path in PAGES:
        return markdown
    places = {module: name for name, module in PAGES.items()}
    for name, module in PAGES.items():
        places.update({definition.name: f"{name}#{definition.name}" for definition in definitions(module)})
    mentioned = set()

    def link(span: re.Match) -> str:
        name = span[1]
        if name not in places or name in mentioned:
            return span[0]
        mentioned.add(name)
        return f"[{span[0]}]({places[name]})"

    # Outside of fenced blocks, headings and the texts of links.
    parts = re.split(r"(?ms)(^ *```.*?^ *```$|^#.*?$|\[[^\]]*\]\([^)]*\))", markdown)
    parts[::2] = [re.sub(r"(?<!`)`(tfbn(?:\.\w+)+)(?:\([^`]*\))?`(?!`)", link, part) for part in parts[::2]]
    return "".join(parts)


def render(module: str) -> str:
    """The page of a module."""
    introduction = ast.get_docstring(parse(module)) or ""
    defined = definitions(module)
    lines = [f"# {module}", "", text(introduction), ""]
    lines += [f"- [`{definition.name}`](#{definition.name}): {first_sentence(definition)}" for definition in defined]
    return "\n".join([*lines, "", *(section(definition) for definition in defined)])


def definitions(module: str) -> list[Definition]:
    """The public functions and classes of a module in the order of its list; modules have pages of their own."""
    found = [Definition(f"{module}.{name}", resolve(module, name)) for name in public_names(module)]
    return [definition for definition in found if not isinstance(definition.node, ast.Module)]


def public_names(module: str) -> list[str]:
    values = assignments(parse(module))
    return list(ast.literal_eval(values["_HOMES"] if module == "tfbn" else values["__all__"]))


def resolve(module: str, name: str) -> ast.FunctionDef | ast.ClassDef | ast.Module:
    """The definition behind a name, wherever the module has it from."""
    tree = parse(module)
    if module == "tfbn":
        home = ast.literal_eval(assignments(tree)["_HOMES"])[name]
        return parse(f"tfbn.{home}") if home == name else resolve(f"tfbn.{home}", name)
    blocks = (part.body for part in tree.body if isinstance(part, ast.If))  # imports for type checkers
    for node in itertools.chain(tree.body, *blocks):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == name:
            return node
        if isinstance(node, ast.ImportFrom) and node.module.startswith("tfbn"):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    inner = f"{node.module}.{alias.name}"
                    return parse(inner) if node.module == module else resolve(node.module, alias.name)
    value = assignments(tree).get(name)
    if not isinstance(value, ast.Name):
        raise ValueError(f"{module}.{name}: expected a function, a class or another name for one")
    return resolve(module, value.id)


def parse(module: str) -> ast.Module:
    folder = PACKAGE.joinpath(*module.split(".")[1:])
    path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    return ast.parse(path.read_text(encoding="utf-8"))


def assignments(tree: ast.Module) -> dict[str, ast.expr]:
    """What is assigned to plain names on the top level."""
    return {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def section(definition: Definition) -> str:
    """A heading, the signature and the docstring; of a class with its public methods."""
    name, node = definition
    parts = [f"## {name} {{#{name}}}", signature(name.rpartition(".")[2], node), text(ast.get_docstring(node) or "")]
    for method in node.body if isinstance(node, ast.ClassDef) else ():
        public = isinstance(method, ast.FunctionDef) and (method.name == "__call__" or not method.name.startswith("_"))
        if public and ast.get_docstring(method):
            title = method.name.replace("_", r"\_")
            parts += [f"### {title} {{#{name}.{method.name}}}", signature(method.name, method, bound=True)]
            parts.append(text(ast.get_docstring(method)))
    return "\n\n".join([*parts, ""])


def first_sentence(definition: Definition) -> str:
    says = ast.get_docstring(definition.node) or ""
    return escape(re.split(r"(?<=\.)\s|\n\n", says, maxsplit=1)[0].replace("\n", " "))


def signature(name: str, node: ast.FunctionDef | ast.ClassDef, bound: bool = False) -> str:
    """The call as a block of code, a parameter a line where it is long."""
    function = node
    if isinstance(node, ast.ClassDef):
        methods = [item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"]
        if not methods:
            fields = [item.target.id for item in node.body if isinstance(item, ast.AnnAssign)]
            return f"```python\n{name}({', '.join(fields)})\n```" if fields else f"```python\n{name}\n```"
        function, bound = methods[0], True
    decorators = {ast.unparse(decorator) for decorator in function.decorator_list}
    if "property" in decorators:
        return f"```python\n{name}\n```"
    parameters = _parameters(function.args)[1 if bound and "staticmethod" not in decorators else 0 :]
    line = f"{name}({', '.join(parameters)})"
    if len(line) > LINE:
        line = "\n".join([f"{name}(", *(f"    {parameter}," for parameter in parameters), ")"])
    return f"```python\n{line}\n```"


def _parameters(arguments: ast.arguments) -> list[str]:
    """As they are written, without types."""
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + list(arguments.defaults)
    named = [*zip(positional, defaults)]
    shown = [argument.arg if default is None else f"{argument.arg}={short(default)}" for argument, default in named]
    if arguments.vararg:
        shown.append(f"*{arguments.vararg.arg}")
    elif arguments.kwonlyargs:
        shown.append("*")
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults):
        shown.append(argument.arg if default is None else f"{argument.arg}={short(default)}")
    return shown + ([f"**{arguments.kwarg.arg}"] if arguments.kwarg else [])


def short(default: ast.expr) -> str:
    return ast.unparse(default).replace("tf.compat.v1.", "tf1.").replace("_keys.", "tf1.GraphKeys.")


def text(docstring: str) -> str:
    """A docstring as Markdown: arguments become lists, examples blocks, and formulas stay."""
    paragraphs, lines = [], docstring.splitlines()
    while lines:
        match = SECTION.fullmatch(lines[0].strip()) if not lines[0].startswith(" ") else None
        size = next((i for i, line in enumerate(lines[1:], 1) if line and not line.startswith(" ")), len(lines))
        if match:
            body = textwrap.dedent("\n".join(lines[1:size])).strip("\n")
            paragraphs += [f"**{match[1]}**", _section_body(match[1], body)]
        else:
            first = next((i for i, line in enumerate(lines) if SECTION.fullmatch(line)), len(lines))
            paragraphs.append(_prose("\n".join(lines[:first])))
            size = first
        lines = lines[size:]
    return "\n\n".join(part.strip("\n") for part in paragraphs if part.strip())


def _section_body(title: str, body: str) -> str:
    if title.startswith("Example"):
        return f"```pycon\n{body}\n```"
    if title in ("Returns", "Yields", "References"):
        return _prose(body)
    entries = re.split(r"\n(?=\S)", body)
    items = [re.sub(r"\s*\n\s*", " ", entry) for entry in entries]
    return "\n".join(re.sub(r"^([\w*.]+(?:, [\w*.]+)*): ", r"- `\1`: ", escape(item)) for item in items)


def _prose(part: str) -> str:
    """Paragraphs; indented lines, which are formulas, stay as they are."""
    return "\n".join(line if line.startswith("    ") else escape(line) for line in part.splitlines())


def escape(line: str) -> str:
    """What Markdown would take for HTML or emphasis, outside of code spans."""
    parts = re.split(r"(`[^`]*`)", line)
    parts[::2] = [part.replace("<", "&lt;").replace("__", r"\_\_") for part in parts[::2]]
    return "".join(parts)

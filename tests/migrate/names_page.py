"""The pages of the guide that list what became of names, made from tfbn/migrate/name_table.py.

`python -m tests.migrate.names_page` writes them; test_names_page.py compares.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tfbn.migrate.name_table import ANSWERS, MOVED, REWRITES, Answer

GUIDE = Path(__file__).resolve().parents[2] / "migration_guide"
PAGE, LAYERS = GUIDE / "names.md", GUIDE / "contrib_layers.md"
INTRODUCTION = """\
# What became of a name

You look for the replacement of a name that TensorFlow 2 has lost. `tfbn migrate` rewrites the names of the first table
and gives the advice of the others, from the same data, `tfbn/migrate/name_table.py`. A name also stands for names below
it that have no line. `tf` is `tensorflow.compat.v1` in the examples; they run as they stand:

```python
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()
```

The layers of contrib have [tables of their own](contrib_layers.md#every-name-of-contrib).

"""


def page() -> str:
    """The page of all names but those of contrib.layers and contrib.framework."""
    parts = [INTRODUCTION, "## Renamed by the codemod\n\n| Before | Now |\n|---|---|\n"]
    for module, (place, leaves) in sorted(MOVED.items()):
        home = ".".join(filter(None, ("tf.compat.v1", place)))
        parts.append(f"| `tf.{module}`: {_listed(leaves)} | the same name in `{home}` |\n")
    parts.append(
        "\nArguments and results stay. Shuffled with a seed, TensorFlow 2 gives elements in another order than\n"
        "TensorFlow 1.15, by `shuffle_and_repeat` as by `shuffle`.\n"
    )
    parts.append("\n## Replaced by hand\n\n| Name | Gone since | Now |\n|---|---|---|\n")
    others = [answer for answer in ANSWERS if answer.module not in ("contrib.layers", "contrib.framework")]
    others = [answer for answer in others if answer.module or answer.names]
    parts += [f"| {_named(answer)} | {answer.since or 'it depends'} | {_now(answer)} |\n" for answer in others]
    parts.append("\n## Examples\n")
    seen = set()
    for answer in filter(lambda answer: answer.example, ANSWERS):
        if answer.example not in seen:
            seen.add(answer.example)
            parts.append(f"\n### {_title(answer)}\n\n```python\n{answer.example}```\n")
    return "".join(parts)


def layer_tables() -> str:
    """The tables of contrib.layers and contrib.framework."""
    parts = []
    for module, family in (("layers", "layers"), ("framework", "framework"), ("slim.model_analyzer", "analyzer")):
        parts.append(f"| Name in `tf.contrib.{module}` | Now |\n|---|---|\n")
        for home, leaves in _here(family):
            parts.append(f"| {_listed(leaves)} | the same name in `{home}` |\n")
        for answer in ANSWERS:
            if answer.module == f"contrib.{module}" and answer.names:
                parts.append(f"| {_listed(answer.names)} | {_now(answer)} |\n")
        parts.append("\n")
    return "".join(parts)


def with_layer_tables(text: str) -> str:
    """The page on layers with its tables as they should be."""
    start, end = text.index("| Name in `tf.contrib.layers` |"), text.index("| Name in `tf.contrib.layers.utils` |")
    return text[:start] + layer_tables() + text[end:]


def _here(family: str) -> Iterator[tuple[str, str]]:
    for rewrites in REWRITES:
        if rewrites.family == family:
            yield rewrites.home, " ".join(name.partition("=")[0] for name in rewrites.names.split())
    place, leaves = MOVED.get(f"contrib.{family}", ("", ""))
    if leaves:
        yield ".".join(filter(None, ("tf.compat.v1", place))), leaves


def _listed(names: str) -> str:
    return ", ".join(f"`{name}`" for name in names.split())


def _named(answer: Answer) -> str:
    module = f"tf.{answer.module}".rstrip(".")
    return f"`{module}`" + (f": {_listed(answer.names)}" if answer.names else "")


def _now(answer: Answer) -> str:
    first = next((other for other in ANSWERS if other.example == answer.example), answer)
    link = (
        f", as [below](#{_title(first).lower().replace(' ', '-').replace(',', '').replace('.', '')})"
        if answer.example
        else ""
    )
    page_name = "names.md" if answer.module in ("contrib.layers", "contrib.framework") else ""
    return answer.use + link.replace("(#", f"({page_name}#").replace("below", "there" if page_name else "below")


def _title(answer: Answer) -> str:
    return answer.names.replace(" ", ", ") or answer.module.rpartition(".")[2]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    LAYERS.write_text(with_layer_tables(LAYERS.read_text(encoding="utf-8")), encoding="utf-8")

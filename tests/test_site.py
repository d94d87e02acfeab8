"""The guide as a site: it builds without a warning, holds every page, and asks nothing of other hosts."""

from __future__ import annotations

import inspect
import json
import operator
import os
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

import tfbn

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).resolve().parents[1]
# The public modules and their pages.
REFERENCE = {name: f"api_{name}" for name in tfbn.__all__ if isinstance(getattr(tfbn, name), types.ModuleType)}
REFERENCE = {"": "api", **REFERENCE, "layers.v1": "api_layers_v1"}
PAGES = sorted(path.stem for path in (CHECKOUT / "migration_guide").glob("*.md"))


class Site(dict):
    """The pages by their names, and the folder that they are in."""

    folder: Path


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site's pages by their names; --strict makes an error of a page that no menu has, or a link into nothing."""
    folder = tmp_path_factory.mktemp("site")
    process = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=CHECKOUT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    pages = Site({path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.html")})
    pages.folder = folder
    return pages


def test_every_page_is_there(site):
    """Under the name that it has as Markdown."""
    assert set(site) == {*PAGES, *REFERENCE.values(), "404"}


def test_the_front_page_leads_on(site):
    """Its head stands on no other page, and its buttons lead to pages."""
    assert [name for name, html in site.items() if 'class="hero"' in html] == ["index"]
    hero = site["index"].partition('class="hero"')[2].partition("</section>")[0]
    targets = re.findall(r'href="([^"]+)\.html"', hero)
    assert targets
    assert set(targets) <= set(site)


def test_reference(site):
    """Each public function and class has its place, with its arguments and its example."""
    modules = {operator.attrgetter(name)(tfbn) if name else tfbn: site[page] for name, page in REFERENCE.items()}
    for module, html in modules.items():
        check_reference(module, html)


def check_reference(module, html):
    public = {key: getattr(module, key) for key in module.__all__}
    for key, value in public.items():
        if isinstance(value, types.ModuleType):
            continue
        _, heading, rest = html.partition(f' id="{module.__name__}.{key}"')
        assert heading, key
        rest = rest.partition("<h2 ")[0]
        docstring = inspect.getdoc(value) or ""
        assert (">Example<" in rest) == ("\nExample:\n" in docstring), key
        arguments = docstring.partition("\nArgs:\n")[2].partition("\n\n")[0]
        for argument in re.findall(r"(?m)^  (\w+): ", arguments):
            assert f"<li><code>{argument}</code>: " in rest or f"<code>{argument}</code>: " in rest, (key, argument)


def test_pages_lead_to_the_reference(site):
    """The first mention of a name does, and none in code or in the reference itself."""
    assert site["troubleshooting"].count('<a href="api.html#tfbn.check_updates"><code>tfbn.check_updates') == 1
    assert 'href="api_export.html"><code>tfbn.export</code>' in site["features"]
    assert 'href="api.html#tfbn.batch_norm"' in site["features"]


LIGHT, DARK = ('[data-md-color-scheme="default"]', '[data-md-color-scheme="slate"]')


def luminance(color):
    """Relative luminance as WCAG 2 defines it."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(
    ("selector", "pattern", "background"),
    [
        (LIGHT, r"--md-typeset-a-color: (#\w{6})", "#ffffff"),
        (LIGHT, r"--md-primary-fg-color(?:--\w+)?: (#\w{6})", "#ffffff"),
        (DARK, r"--md-typeset-a-color: (#\w{6})", "#1e2129"),
        (DARK, r"--md-primary-fg-color(?:--\w+)?: (#\w{6})", "#ffffff"),
        # Comments and operators in code, and the titles of menus.
        (LIGHT, r"--md-default-fg-color--light: (#\w{6})", "#ededed"),
        (DARK, r"--md-default-fg-color--light: (#\w{6})", "#363840"),
        (DARK, r"--md-code-hl-\w+-color: (#\w{6})", "#272a35"),
        (".hero", r"linear-gradient\(135deg, (#\w{6}), (#\w{6}) 60%, (#\w{6})", "#ffffff"),
    ],
)
def test_contrast(selector, pattern, background):
    """4.5 or more between text and what is behind it, in both schemes."""
    css = (CHECKOUT / "site_theme" / "assets" / "guide.css").read_text(encoding="utf-8")
    block = css.partition(f"{selector} {{")[2].partition("}")[0]
    colors = [color for match in re.finditer(pattern, block) for color in match.groups()]
    assert colors
    for color in colors:
        darker, lighter = sorted([luminance(color), luminance(background)])
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, color


def test_options_stay_whole(site):
    """Where they stand in text and tables; but a line of arguments, wider than a phone, may break."""
    assert '<code class="option">--write</code>' in site["codemod"]
    for html in site.values():
        for marked, text in re.findall("<code([^>]*)>(--[^<]*)</code>", html):
            assert bool(marked) == (len(text) <= 32), text


def test_search_from_disk(site):
    """The index is a script, with every page; what stands in for a worker comes from the site itself."""
    script = (site.folder / "search" / "search_index.js").read_text(encoding="utf-8")
    index = json.loads(script.partition("var __index = ")[2])
    indexed = {entry["location"].partition(".html")[0] for entry in index["docs"]}
    assert indexed == {*PAGES, *REFERENCE.values()}
    assert [name for name in indexed if '<script src="assets/iframe-worker.js"></script>' not in site[name]] == []
    assert (site.folder / "assets" / "iframe-worker.js").is_file()


def test_nothing_leads_out_of_the_guide(site):
    """Links to the repository's other files have become their names; nothing is loaded from elsewhere."""
    for name, html in site.items():
        if name != "404":
            assert not re.findall(r'href="\.\./[^"]*"', html), name
        assert not re.findall(r'<(?:script|img|iframe)[^>]* src="(?:https?:)?//[^"]*"', html), name
        assert not re.findall(r'<link[^>]*rel="stylesheet"[^>]*href="(?:https?:)?//', html), name
    assert "<code>tests/parity/differences.py</code>" in site["index"]

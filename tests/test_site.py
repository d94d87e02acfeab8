"""The guide as a site: it builds without a warning, holds every page, and asks nothing of other hosts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).resolve().parents[1]
PAGES = sorted(path.stem for path in (CHECKOUT / "migration_guide").glob("*.md"))


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
    return {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.html")}


def test_every_page_is_there(site):
    """Under the name that it has as Markdown."""
    assert set(site) == {*PAGES, "404"}


def test_the_front_page_leads_on(site):
    """Its head stands on no other page, and its buttons lead to pages."""
    assert [name for name, html in site.items() if 'class="hero"' in html] == ["index"]
    hero = site["index"].partition('class="hero"')[2].partition("</section>")[0]
    targets = re.findall(r'href="([^"]+)\.html"', hero)
    assert targets
    assert set(targets) <= set(site)


def test_nothing_leads_out_of_the_guide(site):
    """Links to the repository's other files have become their names; nothing is loaded from elsewhere."""
    for name, html in site.items():
        if name != "404":
            assert not re.findall(r'href="\.\./[^"]*"', html), name
        assert not re.findall(r'<(?:script|img|iframe)[^>]* src="(?:https?:)?//[^"]*"', html), name
        assert not re.findall(r'<link[^>]*rel="stylesheet"[^>]*href="(?:https?:)?//', html), name
    assert "<code>tests/parity/differences.py</code>" in site["index"]

"""What the site does with the pages beyond Markdown: its front page, and links that lead out of the guide."""

from __future__ import annotations

import re
from pathlib import Path

LINK = re.compile(r"\[([^\]]+)\]\((\.\./[^)\s]*)\)")


def on_page_markdown(markdown, *, page, config, files):
    """Files of the repository are no part of the site: what links to them names them instead."""
    if page.file.src_path == "index.md":
        page.meta.update(template="home.html", hide=["navigation", "toc"])
    folder = Path(config["docs_dir"])
    root = folder.parent

    def named(match: re.Match) -> str:
        path = (folder / match[2].partition("#")[0]).resolve().relative_to(root).as_posix()
        text = match[1].strip("`")
        return f"`{path}`" if text in (path, Path(path).name) else f"{match[1]} (`{path}`)"

    return LINK.sub(named, markdown)


def on_page_content(html, **_):
    """Marks options such as `--write`, which a browser would break behind their hyphens; a row of them may break."""
    return re.sub(r"<code>(--[^<]{0,30})</code>", r'<code class="option">\1</code>', html)

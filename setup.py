"""The package's description for a package index; everything else about the package stands in pyproject.toml."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import setup

# Where the repository's files are read in a browser, up to the file's path; None as long as it has no public address.
REPOSITORY = None
LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]+)\]\((?P<target>(?!https:)[^)\s]+)\)")


def describe(readme: str, repository: str | None = REPOSITORY) -> str:
    """README for a place where the files of the repository are not beside it.

    Its links lead to `repository`. Where that is None, a link becomes its text with the file's name, a link within the
    page its text, and a picture is left out.
    """

    def replace(link: re.Match) -> str:
        image, text, target = link.groups()
        if target.startswith("#"):
            return text
        if repository:
            return f"{image}[{text}]({repository.rstrip('/')}/{target})"
        name = target.partition("#")[0]
        return "" if image else text if text.strip("`") == name else f"{text} (`{name}`)"

    return LINK.sub(replace, readme)


if __name__ == "__main__":
    setup(
        long_description=describe(Path(__file__).with_name("README.md").read_text(encoding="utf-8")),
        long_description_content_type="text/markdown",
    )

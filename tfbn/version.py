"""The version of the tfbn that is installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def installed_version() -> str:
    """From the metadata of the installed package: pyproject.toml alone states the number."""
    try:
        return version("tfbn")
    except PackageNotFoundError:
        return "0+unknown"  # a checkout that was never installed

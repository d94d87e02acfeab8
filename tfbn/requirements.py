"""Packages that pip does not install together with tfbn, and how to get them."""

from __future__ import annotations

from typing import Any, NamedTuple

OLDEST_TENSORFLOW = (2, 12)
NEWEST_TENSORFLOW = (2, 21)  # that the tests run on; newer ones are not refused


class Requirement(NamedTuple):
    """A package that some parts of tfbn need."""

    title: str
    remedy: str


def _extra(title: str, extra: str) -> Requirement:
    return Requirement(title, f"Install it: pip install 'tfbn[{extra}]'.")


# By the name that Python imports.
REQUIREMENTS = {
    "tensorflow": Requirement(
        "TensorFlow 2.12 or newer",
        "Install your build of it, or: pip install 'tfbn[tensorflow]', or 'tfbn[cpu]' for tensorflow-cpu.",
    ),
    "libcst": _extra("libcst", "migrate"),
    "h5py": _extra("h5py", "tools"),
    "matplotlib": _extra("matplotlib", "tools"),
}


def describe_missing(module: str) -> str:
    """The end of an error message that starts with the name of what needs the module."""
    requirement = REQUIREMENTS[module]
    return f"needs {requirement.title}, and this Python has none. {requirement.remedy}"


def check_tensorflow(tf: Any) -> None:
    """Refuses an imported `tensorflow` that tfbn does not run on.

    Raises:
      ImportError: it is too old, or an empty folder left behind by an earlier installation.
    """
    version = getattr(tf, "__version__", None)
    if version is None:
        places = ", ".join(getattr(tf, "__path__", ["an unknown place"]))
        raise ImportError(
            f"expected TensorFlow, got folders without its code in {places}. Uninstall every build of TensorFlow, and "
            "install the one you want again.",
            name="tensorflow",
        )
    if release(version) < OLDEST_TENSORFLOW:
        raise ImportError(
            f"expected TensorFlow 2.12 or newer, got {version}. Install a newer one; tf.contrib itself is only in "
            "TensorFlow 1.15.",
            name="tensorflow",
        )


def release(version: str) -> tuple[int, int]:
    """Major and minor number of a version."""
    major, minor = version.split(".")[:2]
    return int(major), int(minor)

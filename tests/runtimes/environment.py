"""The environment that converts graphs to ONNX and runs them, beside those of the Makefile.

It has the packages below alone, and takes TensorFlow and NumPy from the environment that the tests run in.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

# 3.9 is the last Python of the older ones.
REQUIREMENTS = (
    "onnx==1.19.1; python_version >= '3.10'",
    "onnxruntime==1.23.2; python_version >= '3.10'",
    "tf2onnx==1.17.0; python_version >= '3.10'",
    "onnx==1.16.2; python_version < '3.10'",
    "onnxruntime==1.19.2; python_version < '3.10'",
    "tf2onnx==1.16.1; python_version < '3.10'",
)
_ROOT = Path(__file__).parents[2]


def make() -> Path:
    """The interpreter of the environment, which is made where it is missing or of other packages.

    Raises:
      subprocess.CalledProcessError: it cannot be made; what pip said is in its stderr.
    """
    packages = sysconfig.get_path("purelib")
    home = _ROOT / ".venv" / f"onnx-python{sys.version_info[0]}.{sys.version_info[1]}"
    python, note = home / "bin" / "python", home / "installed.txt"
    content = "\n".join([*REQUIREMENTS, packages])
    if not note.exists() or note.read_text(encoding="utf-8") != content:
        _run(sys.executable, "-m", "venv", "--clear", str(home))
        # Their requirements are TensorFlow's as well, but for what they do without here.
        _run(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", *REQUIREMENTS)
        (folder,) = home.glob("lib/python*/site-packages")
        (folder / "tensorflow.pth").write_text(packages, encoding="utf-8")
        note.write_text(content, encoding="utf-8")
    return python


def run(python: Path, *arguments: str) -> None:
    """Runs a program in the environment, without what belongs to this process."""
    _run(str(python), *arguments)


def _run(*command: str) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    subprocess.run(command, check=True, capture_output=True, text=True, env=environment)

"""The names of the table are gone from the installed libraries, and what it advises is there."""

from __future__ import annotations

import importlib
import re
import sys

import numpy as np
import pytest

from tests.migrate.helpers import reported
from tfbn.migrate import driver
from tfbn.migrate.library_table import GONE

NUMPY = tuple(map(int, np.__version__.split(".")[:2]))
# The others went with NumPy 2.0 or before.
NUMPY_GONE_LATER = {
    **dict.fromkeys(["numpy.fft.helper", "numpy.in1d", "numpy.linalg.linalg", "numpy.trapz"], (2, 4)),
    "numpy.row_stack": (2, 5),
}
RULES = driver.chosen_rules(["library-names"])
LIBRARIES = ("numpy", "scipy", "sklearn", "matplotlib", "skimage", "librosa", "cv2", "pandas")


def found(full):
    """What a dotted name stands for, imported as far as it has to be."""
    parts = full.split(".")
    for count in range(len(parts), 0, -1):
        try:
            value = importlib.import_module(".".join(parts[:count]))
        except ImportError:
            continue
        for part in parts[count:]:
            value = getattr(value, part)
        return value
    return eval(full)


@pytest.mark.parametrize("name", [name for name in GONE if name.startswith("numpy.")])
def test_gone_from_numpy(name):
    """In the release that has removed it, and still there before."""
    if NUMPY >= NUMPY_GONE_LATER.get(name, (2, 0)):
        with pytest.raises((AttributeError, NameError)):
            found(name)
    elif NUMPY >= (2, 0):
        assert found(name) is not None


@pytest.mark.skipif(sys.version_info < (3, 13), reason="older libraries have some")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name in GONE if name.partition(".")[0] in LIBRARIES[1:4]])
def test_gone_from_libraries(name):
    with pytest.raises((AttributeError, ImportError, NameError)):
        found(name)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="older Python has some")
@pytest.mark.parametrize("name", [name for name in GONE if name.partition(".")[0] not in LIBRARIES])
def test_gone_from_python(name):
    with pytest.raises((AttributeError, NameError)):
        found(name)


@pytest.mark.parametrize("use", sorted(set(GONE.values())))
def test_advice_is_there(use):
    for code in re.findall("`(.*?)`", use):
        package = re.sub(r"^-", "", code).partition(".")[0]
        if package == "numpy" or package not in (*LIBRARIES, "imageio", "PIL"):
            assert found(code.lstrip("-")) is not None
        elif sys.version_info >= (3, 13) and importlib.util.find_spec(package):
            assert found(code) is not None


def test_files_without_tensorflow_that_a_program_runs(tmp_path):
    """The others of the folder are no business of the codemod."""
    sources = {
        "main.py": "import tensorflow as tf\nimport tools\n",
        "tools.py": "import more\n",
        "more.py": "import numpy as np\nx = np.product([1])\n",
        "alone.py": "import numpy as np\nx = np.product([1])\n",
    }
    assert [(path, finding.where.line) for path, finding in reported(tmp_path, sources, RULES)] == [("more.py", 2)]


def test_modules_of_the_project_by_the_same_name(tmp_path):
    sources = {"main.py": "import tensorflow as tf\nimport commands, Queue\n", "commands.py": "x = 1\n"}
    ((path, finding),) = reported(tmp_path, sources, RULES)
    assert (path, finding.problem) == ("main.py", "newer Python 3 has no Queue")

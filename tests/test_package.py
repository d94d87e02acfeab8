"""The package as users meet it: what importing it loads, its public surface, and the wheel they install."""

from __future__ import annotations

import ast
import email
import re
import runpy
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import textwrap
import warnings
import zipfile
from pathlib import Path

import pytest

import tfbn
from tests import docs
from tests.metadata import CHECKOUT, PROJECT

# The documented surface, by what it needs.
WITHOUT_TENSORFLOW = {
    "CompatibilityWarning",
    "NoLayersWarning",
    "StatisticsNotSavedError",
    "TrainingModeError",
    "UpdatesNotWiredError",
    "add_arg_scope",
    "arg_scope",
    "arg_scope_func_key",
    "arg_scoped_arguments",
    "checkpoint",
    "has_arg_scope",
}
WITH_TENSORFLOW = {
    "BatchNorm",
    "BatchNormalization",
    "TF1Module",
    "batch_norm",
    "batch_normalization",
    "create_train_op",
    "export",
    "fold",
    "functional",
    "get_updates",
    "keras",
    "layers",
    "check_saver",
    "check_updates",
    "list_layers",
    "recalibrate",
    "summaries",
    "summaries_callback",
    "summaries_hook",
}

# Builds a layer, trains it for a step and infers, as a user's program does.
USE_A_LAYER = """
import numpy as np
import tensorflow as tf
import tfbn
v1 = tf.compat.v1
with tf.Graph().as_default(), v1.Session() as session:
    inputs = v1.placeholder(tf.float32, [None, 3])
    is_training = v1.placeholder(tf.bool, [])
    outputs = tfbn.batch_norm(inputs, decay=0.5, is_training=is_training)
    moving_mean, = [v for v in v1.global_variables() if v.op.name == 'BatchNorm/moving_mean']
    updates = v1.get_collection(v1.GraphKeys.UPDATE_OPS)
    session.run(v1.global_variables_initializer())
    batch = np.random.RandomState(1).normal(5.0, 2.0, [64, 3]).astype(np.float32)
    normalized, *_ = session.run([outputs, *updates], {inputs: batch, is_training: True})
    expected = (batch - batch.mean(0)) / np.sqrt(batch.var(0) + 0.001)
    # Both sides in float32: 6e-8 per rounding, of terms up to 6, and of sums of 64 terms.
    np.testing.assert_allclose(normalized, expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(session.run(moving_mean), batch.mean(0) / 2, rtol=2e-6)
    assert np.all(np.isfinite(session.run(outputs, {inputs: batch, is_training: False})))
"""


def run(source: str, *, python: Path | str = sys.executable, path: Path | None = CHECKOUT) -> str:
    """Runs `source` in a fresh interpreter that sees nothing of ours but `path`; returns what it prints."""
    source = "import sys\n" + (f"sys.path.insert(0, {str(path)!r})\n" if path else "") + textwrap.dedent(source)
    process = subprocess.run([python, "-I", "-c", source], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


@pytest.mark.process
class TestImport:
    def test_loads_neither_tensorflow_nor_numpy(self):
        """`import tfbn`, and touching what needs no TensorFlow, leaves the heavy packages alone."""
        output = run(f"""
            import tfbn
            tfbn.__version__, dir(tfbn)
            for name in {sorted(WITHOUT_TENSORFLOW)}:
                getattr(tfbn, name)
            print({{name.partition('.')[0] for name in sys.modules}} & {{'tensorflow', 'numpy', 'keras', 'tf_keras'}})
            """)
        assert output == "set()\n"

    def test_loads_nothing_of_tfbn_until_touched(self):
        """The package itself is one small file."""
        assert run("import tfbn; print([name for name in sys.modules if name.startswith('tfbn.')])") == "[]\n"

    def test_partial_function_without_tensorflow(self):
        """What needs no TensorFlow is there where none is installed."""
        run(f"""
            sys.modules['tensorflow'] = None
            from tfbn import {", ".join(sorted(WITHOUT_TENSORFLOW))}
            """)

    @pytest.mark.parametrize("name", sorted(WITH_TENSORFLOW))
    def test_missing_tensorflow_is_named_with_its_remedies(self, name):
        """The error says what was touched, what it needs, and both extras."""
        output = run(f"""
            sys.modules['tensorflow'] = None
            import tfbn
            try:
                tfbn.{name}
            except ImportError as error:
                print(error)
            """)
        assert output.startswith(f"tfbn.{name} needs TensorFlow 2.12 or newer, and this Python has none.")
        assert "pip install 'tfbn[tensorflow]'" in output
        assert "'tfbn[cpu]' for tensorflow-cpu" in output

    def test_other_missing_modules_keep_their_error(self):
        """An incomplete installation is not taken for a missing TensorFlow."""
        output = run("""
            sys.modules['tfbn.errors'] = None
            import tfbn
            try:
                tfbn.CompatibilityWarning
            except ModuleNotFoundError as error:
                print(error.name)
            """)
        assert output == "tfbn.errors\n"


class TestPublicSurface:
    def test_all_is_what_is_documented(self):
        """No public name is missing or more than documented."""
        assert sorted(tfbn.__all__) == sorted(WITHOUT_TENSORFLOW | WITH_TENSORFLOW)

    @pytest.mark.parametrize("name", sorted(WITHOUT_TENSORFLOW | WITH_TENSORFLOW))
    def test_every_name_resolves(self, name):
        """The object has the name it is found under, also after it was touched before."""
        value = getattr(tfbn, name)
        assert value.__name__.rpartition(".")[2] == name
        assert getattr(tfbn, name) is value
        assert name in dir(tfbn)

    def test_star_import(self):
        """`from tfbn import *` gives the public names."""
        namespace: dict[str, object] = {}
        exec("from tfbn import *", namespace)
        assert set(tfbn.__all__) == set(namespace) - {"__builtins__"}

    def test_a_module_can_be_a_public_name(self, monkeypatch):
        """A name that is its own home is the module itself."""
        monkeypatch.setitem(tfbn._HOMES, "errors", "errors")
        monkeypatch.delattr(tfbn, "errors", raising=False)
        assert tfbn.errors is sys.modules["tfbn.errors"]

    @pytest.mark.process
    def test_batch_norm_is_the_function(self):
        """The module of the same name never takes its place, whichever is imported first."""
        run("""
            for first in ['import tfbn.graph.batch_norm', 'from tfbn.graph import batch_norm', 'import tfbn']:
                for name in [name for name in sys.modules if name.partition('.')[0] == 'tfbn']:
                    del sys.modules[name]
                exec(first)
                import tfbn, tfbn.graph.batch_norm as module
                assert tfbn.batch_norm is module.batch_norm
                assert callable(tfbn.batch_norm)
            """)

    def test_unknown_attribute(self):
        """The error names the package and the attribute."""
        with pytest.raises(AttributeError, match=r"^module 'tfbn' has no attribute 'batch_morn'$"):
            tfbn.batch_morn  # noqa: B018

    def test_type_checkers_see_the_same_names(self):
        """The imports written for type checkers are the table, name by name and module by module."""
        tree = ast.parse((CHECKOUT / "tfbn" / "__init__.py").read_text(encoding="utf-8"))
        imported = {
            alias.asname: node.module
            for block in tree.body
            if isinstance(block, ast.If)
            for node in block.body
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        expected = {name: "tfbn" if home == name else f"tfbn.{home}" for name, home in tfbn._HOMES.items()}
        assert imported == expected

    @pytest.mark.process
    def test_type_checkers_refuse_other_names(self, tmp_path):
        """mypy knows the functions' types and does not let a misspelt name pass."""
        program = tmp_path / "program.py"
        program.write_text(
            "import tfbn\nreveal_type(tfbn.has_arg_scope)\nreveal_type(tfbn.batch_norm)\ntfbn.batch_morn\n"
        )
        process = subprocess.run(
            [
                sys.executable,
                "-m",
                "mypy",
                "--config-file",
                CHECKOUT / "pyproject.toml",
                "--cache-dir",
                tmp_path,
                program,
            ],
            capture_output=True,
            text=True,
            cwd=CHECKOUT,
        )
        lines = process.stdout.splitlines()
        assert re.search(r'Revealed type is "def \(func: .+\) -> .*bool', lines[0]), process.stdout
        assert re.search(r'Revealed type is "def \(inputs: .+\) -> ', lines[1]), process.stdout
        assert 'Module has no attribute "batch_morn"' in lines[2]
        assert lines[3].startswith("Found 1 error")


class TestVersion:
    def test_of_a_checkout_that_was_never_installed(self, tmp_path):
        """It says that it does not know, rather than repeat a number that pyproject.toml alone states."""
        shutil.copytree(CHECKOUT / "tfbn", tmp_path / "tfbn")
        output = run(
            "sys.path = sys.path[:1] + [p for p in sys.path if 'site-packages' not in p]\n"
            "import tfbn; print(tfbn.__version__)",
            path=tmp_path,
        )
        assert output == "0+unknown\n"


@pytest.mark.process
class TestWithoutKeras:
    def test_using_a_layer_loads_no_keras(self):
        """Beyond what `import tensorflow` loads by itself, no module of any Keras appears."""
        before = "import tensorflow\nbefore = set(sys.modules)\n"
        after = "print([name for name in set(sys.modules) - before if 'keras' in name])\n"
        output = run(before + USE_A_LAYER + after)
        assert output == "[]\n"

    def test_using_a_layer_needs_no_keras(self):
        """Both Keras packages may be absent."""
        run("sys.modules['keras'] = sys.modules['tf_keras'] = None\n" + USE_A_LAYER)


class TestOurWarningsAreErrors:
    """What pyproject.toml promises about warnings in tests holds."""

    def test_those_we_give(self):
        """A test that meets a CompatibilityWarning without expecting it fails."""
        with pytest.raises(tfbn.CompatibilityWarning, match="unexpected"):
            warnings.warn("unexpected", tfbn.CompatibilityWarning, stacklevel=1)

    @pytest.mark.parametrize("category", [DeprecationWarning, PendingDeprecationWarning, FutureWarning])
    def test_those_others_give_about_our_code(self, category):
        """A deprecated call in tfbn fails the test that reaches it; one in another package does not."""
        with pytest.raises(category, match="old"):
            warnings.warn_explicit("old", category, "module.py", 1, module="tfbn.graph.batch_norm")
        with warnings.catch_warnings(record=True) as caught:
            warnings.warn_explicit("old", category, "module.py", 1, module="tfbnlike")
        assert len(caught) == 1


@pytest.mark.parametrize(
    ("markdown", "without_address", "with_address"),
    [
        (
            "see [the guide](guide/a.md#b)",
            "see the guide (`guide/a.md`)",
            "see [the guide](https://host/x/guide/a.md#b)",
        ),
        ("[`LICENSE`](LICENSE)", "`LICENSE`", "[`LICENSE`](https://host/x/LICENSE)"),
        ("![accuracy](docs/a.png)", "", "![accuracy](https://host/x/docs/a.png)"),
        ("[below](#figures)", "below", "below"),
        ("[paper](https://arxiv.org/abs/1502.03167)",) * 3,
    ],
)
def test_links_of_the_description(markdown, without_address, with_address):
    """They lead to the repository once it has an address, and until then name the file."""
    describe = runpy.run_path(str(CHECKOUT / "setup.py"))["describe"]
    assert describe(markdown, None) == without_address
    assert describe(markdown, "https://host/x/") == with_address


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    """An sdist of this checkout and the wheel built from that sdist, offline."""
    directory = tmp_path_factory.mktemp("distributions")
    source = directory / "source"
    # A copy, because building leaves traces in the tree that it builds.
    shutil.copytree(
        CHECKOUT,
        source,
        ignore=shutil.ignore_patterns(".git", ".venv", ".*_cache", "__pycache__", "*.egg-info", "build", "dist"),
    )
    build_sdist = f"from setuptools import build_meta; build_meta.build_sdist({str(directory)!r})"
    subprocess.run([sys.executable, "-c", build_sdist], cwd=source, check=True, stdout=subprocess.DEVNULL)
    (sdist,) = directory.glob("*.tar.gz")
    pip_wheel = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip_wheel, "--wheel-dir", directory, sdist], check=True)
    (wheel,) = directory.glob("*.whl")
    return sdist, wheel


@pytest.mark.slow
class TestDistributions:
    def test_sdist(self, distributions):
        """The sdist has all that building, testing and reading about the package takes."""
        with tarfile.open(distributions[0]) as archive:
            names = {name.partition("/")[2] for name in archive.getnames()}
        for name in ["setup.py", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "Makefile"]:
            assert name in names
        tests = {path.relative_to(CHECKOUT).as_posix() for path in CHECKOUT.glob("tests/**/*.*")}
        assert {name for name in tests if "__pycache__" not in name} <= names

    def test_wheel_contents(self, distributions):
        """The wheel has every module, py.typed and the license, and nothing else."""
        with zipfile.ZipFile(distributions[1]) as archive:
            names = archive.namelist()
        modules = {path.relative_to(CHECKOUT).as_posix() for path in CHECKOUT.glob("tfbn/**/*.py")}
        assert {name for name in names if ".dist-info/" not in name} == modules | {"tfbn/py.typed"}
        assert any(re.search(r"\.dist-info/(licenses/)?LICENSE$", name) for name in names)

    def test_wheel_metadata(self, distributions):
        """Only NumPy is required, TensorFlow is up to the user's choice of extra, and nothing has an upper bound."""
        with zipfile.ZipFile(distributions[1]) as archive:
            (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
            metadata = email.message_from_string(archive.read(name).decode("utf-8"))
        assert metadata["Version"] == PROJECT["version"]
        assert metadata["Requires-Python"] == ">=3.9"
        requirements = [line for line in metadata.get_all("Requires-Dist") if not line.startswith("tomli")]
        required = [requirement for requirement in requirements if "extra ==" not in requirement]
        assert [re.match(r"[\w-]+", requirement)[0] for requirement in required] == ["numpy"]
        assert not [requirement for requirement in requirements if re.search(r"[<~]|==\s*\d", requirement)]
        assert set(metadata.get_all("Provides-Extra")) == set(PROJECT["optional-dependencies"])
        assert metadata["License-Expression"] == "Apache-2.0"
        for extra, package in [("tensorflow", "tensorflow"), ("cpu", "tensorflow-cpu")]:
            (requirement,) = [r for r in requirements if re.search(rf"extra == ['\"]{extra}['\"]", r)]
            assert re.match(rf"{package} ?\(?>=2\.12\b", requirement)

    def test_description(self, distributions):
        """An index shows it as Markdown, and each of its links leads somewhere from there."""
        with zipfile.ZipFile(distributions[1]) as archive:
            (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
            metadata = email.message_from_string(archive.read(name).decode("utf-8"))
        assert metadata["Description-Content-Type"] == "text/markdown"
        description = metadata.get_payload()
        assert description.startswith("# tfbn")
        assert [target for target in docs.links(description) if not target.startswith("https://")] == []

    def test_wheel_in_a_clean_environment(self, distributions, tmp_path):
        """Installed into a new environment, away from the checkout, the wheel builds and runs a layer."""
        environment = tmp_path / "environment"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
        python = environment / "bin" / "python"
        site_packages = Path(run("import sysconfig; print(sysconfig.get_path('purelib'))", python=python).strip())
        pip_install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
        subprocess.run([*pip_install, "--target", site_packages, distributions[1]], check=True)
        # TensorFlow is borrowed from the environment of the tests: last on the path, so that a tfbn there stays hidden.
        borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
        (site_packages / "borrowed.pth").write_text("\n".join(sorted(borrowed)))
        output = run(USE_A_LAYER + "print(tfbn.__version__, tfbn.__file__)", python=python, path=None)
        assert output == f"{PROJECT['version']} {site_packages / 'tfbn' / '__init__.py'}\n"

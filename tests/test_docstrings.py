"""Docstrings are true: every example prints what it says, every formula is what the code computes."""

from __future__ import annotations

import doctest
import functools
import importlib
import inspect
import pkgutil
import re
import types
import zlib

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import tfbn
from tests import docs

# The rounding of the dtype, 6e-8 or 1e-16, in sums of some 100 terms that lie within a few deviations of their mean.
FORMULA_TOLERANCE = {"float32": {"rtol": 1e-5, "atol": 1e-5}, "float64": {"rtol": 1e-12, "atol": 1e-12}}
# Exact in float32, to which 1 - decay is rounded for every dtype, as in the original.
DECAYS = {"decay": 0.75, "renorm_decay": 0.5}


def documented():
    """Every function, class and method of tfbn that has an example in its docstring, with its module."""
    found = {}
    names = [module.name for module in pkgutil.walk_packages(tfbn.__path__, "tfbn.")]
    for module in [importlib.import_module(name) for name in names if not name.endswith(".__main__")]:
        for name, value in vars(module).items():
            if getattr(value, "__module__", None) == module.__name__ and inspect.getdoc(value):
                members = vars(value).items() if inspect.isclass(value) else ()
                for suffix, item in [("", value), *((f".{key}", item) for key, item in members if callable(item))]:
                    if ">>>" in (getattr(item, "__doc__", None) or ""):
                        found[f"{module.__name__}.{name}{suffix}"] = (module, item)
    return found


DOCUMENTED = documented()
PUBLIC_FUNCTIONS = [name for name in tfbn.__all__ if isinstance(getattr(tfbn, name), types.FunctionType)]


class TestExamples:
    @pytest.mark.parametrize("name", DOCUMENTED)
    def test_is_what_happens(self, name):
        """The interpreter prints what the docstring says."""
        module, value = DOCUMENTED[name]
        test = doctest.DocTestParser().get_doctest(value.__doc__, dict(vars(module)), name, module.__file__, 0)
        report = []
        doctest.DocTestRunner().run(test, out=report.append)
        assert not report, "".join(report)

    @pytest.mark.parametrize("name", PUBLIC_FUNCTIONS)
    def test_every_public_function_has_one(self, name):
        """No public function is without an example."""
        value = getattr(tfbn, name)
        assert f"{value.__module__}.{name}" in DOCUMENTED

    @pytest.mark.parametrize(
        "module", [tfbn.layers, tfbn.layers.utils, tfbn.layers.v1], ids=lambda module: module.__name__
    )
    def test_every_layer_has_one(self, module):
        """None of the functions of tfbn.layers is without an example; several names may be one function."""
        functions = [value for value in map(vars(module).get, module.__all__) if isinstance(value, types.FunctionType)]
        assert functions
        assert [value for value in functions if f"{value.__module__}.{value.__name__}" not in DOCUMENTED] == []


# One call of batch_norm each: the groups of formulas that describe it, the shape of its inputs, and its arguments.
CLIPPING = {"rmin": 0.9, "rmax": 1.1, "dmax": 0.3}
CASES = {
    "rank 4": (["training"], (8, 5, 3, 6), {}),
    "rank 2": (["training"], (8, 6), {}),
    "rank 3": (["training"], (8, 5, 6), {}),
    "not fused": (["training"], (8, 5, 3, 6), {"fused": False}),
    "inline": (["training"], (8, 5, 3, 6), {"updates_collections": None}),
    "one sample": (["training"], (1, 6), {"epsilon": 0.1}),
    "no epsilon": (["training"], (8, 5, 3, 6), {"epsilon": 0}),
    "no epsilon, not fused": (["training"], (8, 5, 3, 6), {"epsilon": 0, "fused": False}),
    "inference": (["inference"], (8, 5, 3, 6), {"is_training": False}),
    "inference, not fused": (["inference"], (8, 5, 3, 6), {"is_training": False, "fused": False}),
    "weights": (["training", "batch_weights"], (8, 5, 3, 6), {"batch_weights": True}),
    "weights, rank 2": (["training", "batch_weights"], (8, 6), {"batch_weights": True}),
    "renorm": (["training", "renorm"], (8, 5, 3, 6), {"renorm": True}),
    "renorm, floor": (["training", "renorm"], (8, 5, 3, 6), {"renorm": True, "epsilon": 2.0}),
    "renorm, clipped": (["training", "renorm"], (8, 5, 3, 6), {"renorm": True, "renorm_clipping": CLIPPING}),
    "renorm, weights": (["training", "batch_weights", "renorm"], (8, 6), {"renorm": True, "batch_weights": True}),
    "adjustment": (["training", "adjustment"], (8, 5, 3, 6), {"adjustment": True}),
    "adjustment, renorm": (["training", "renorm", "adjustment"], (8, 6), {"renorm": True, "adjustment": True}),
}


@functools.cache
def computed(case, dtype):
    """What batch_norm does: the inputs and variables it began with, and the output and variables after one step."""
    _, shape, arguments = CASES[case]
    rng = np.random.default_rng(zlib.crc32(case.encode()))
    # Without epsilon the spread is small, so that the bound that replaces it matters.
    centre, spread = (5e-3, 1e-3) if arguments.get("epsilon") == 0 else (2.0, 2.0)
    inputs = {name: rng.normal(centre, spread, shape).astype(dtype) for name in "x"}
    inputs.update({name: rng.uniform(0.5, 2.0, shape[-1:]).astype(dtype) for name in "ab"})
    inputs["w"] = rng.uniform(0.0, 2.0, [shape[0]] + [1] * (len(shape) - 1)).astype(dtype)
    decays = DECAYS if arguments.get("renorm") else {"decay": DECAYS["decay"]}
    arguments = {"scale": True, **decays, **arguments}
    with tf.Graph().as_default(), tf.Session() as session:
        if "batch_weights" in arguments:
            arguments["batch_weights"] = tf.constant(inputs["w"].ravel())
        if "adjustment" in arguments:
            arguments["adjustment"] = lambda shape: (tf.constant(inputs["a"]), tf.constant(inputs["b"]))
        outputs = tfbn.batch_norm(tf.constant(inputs["x"]), **arguments)
        variables = {variable.op.name.rpartition("/")[2]: variable for variable in tf.global_variables()}
        before = {name: rng.uniform(0.8, 3.0, shape[-1:]).astype(dtype) for name in variables}
        for name, variable in variables.items():
            session.run(variable.initializer, {variable.initializer.inputs[1]: before[name]})
        y, *_ = session.run([outputs, *tf.get_collection(tf.GraphKeys.UPDATE_OPS)])
        return inputs, before, {"y": y, **session.run(variables)}


class Formulas:
    """What batch_norm's docstring says that it computes."""

    # The beginning of the sentence that introduces each group.
    INTRODUCTIONS = {
        "training": "Formulas, with statistics over `axes`",
        "inference": "and in inference:",
        "batch_weights": "With batch_weights w:",
        "renorm": "With renorm, from the averages as they were before the step",
    }

    def __init__(self, docstring):
        self.groups = {}
        for group in docs.formulas(docstring):
            sentence = group.introduction.rpartition(". ")[2]
            (name,) = (name for name, start in self.INTRODUCTIONS.items() if sentence.startswith(start))
            assert name not in self.groups
            self.groups[name] = dict(group.lines)
            assert len(self.groups[name]) == len(group.lines)
        assert set(self.groups) == set(self.INTRODUCTIONS)
        text = " ".join(docstring.split())
        clipped = r"clipped to \[(.+?), (.+?)\] and \[(.+?), (.+?)\]: s ="
        adjusted = r"in training y = (.+?), where xhat is what stands before gamma and beta above"
        fused = (
            r"The correction (.+?) and a lower bound of (.+?) on epsilon belong to the fused kernel, "
            r"which serves ranks 2 and 4 unless fused=False, batch_weights, renorm or adjustment is given"
        )
        low_r, high_r, low_d, high_d = re.search(clipped, text).groups()
        self.bounds = {"r": (low_r, high_r), "d": (low_d, high_d)}
        self.adjusted = re.search(adjusted, text)[1]
        self.correction, floor = re.search(fused, text).groups()
        self.floor = float(floor)

    def expected(self, case):
        """What the formulas give for the output and the variables that they assign, in float64."""
        groups, shape, given = CASES[case]
        inputs, state, _ = computed(case, "float64")
        names = {"epsilon": 0.001, **DECAYS, **given, **given.get("renorm_clipping", {})}
        names.update(max=max, sqrt=np.sqrt, maximum=np.maximum)
        names.update(axes=tuple(range(len(shape) - 1)), n=np.prod(shape[:-1]))
        names.update({name: value.astype(np.float64) for name, value in {**inputs, **state}.items()})
        fused = len(shape) in (2, 4) and not {"fused", "batch_weights", "renorm", "adjustment"} & set(given)
        if fused:
            names["epsilon"] = max(names["epsilon"], self.floor)
        assigned = []
        for name, expression in self._in_order(groups, fused):
            names[name] = eval(expression, {}, names)
            if name in self.bounds and "renorm_clipping" in given:
                names[name] = np.clip(names[name], *(eval(bound, {}, names) for bound in self.bounds[name]))
            assigned.append(name)
        return {name: names[name] for name in assigned if name == "y" or name in state}

    def _in_order(self, groups, fused):
        """Moments, what is special to a group, the output, the averages."""
        merged = {name: line for group in groups if group != "adjustment" for name, line in self.groups[group].items()}
        general = self.groups[groups[0]]
        if groups[0] == "training" and not fused and "renorm" not in groups:
            line = merged["moving_variance"].replace(f" * {self.correction}", "")
            assert line != merged["moving_variance"]
            merged["moving_variance"] = line
        if "adjustment" in groups:
            before_affine = re.fullmatch(r"(.+) \* gamma \+ beta", merged["y"])[1]
            merged.update(xhat=before_affine, y=self.adjusted)
        moments = [name for name in ("mean", "variance") if name in merged]
        special = [name for name in merged if name not in general]
        averages = [name for name in merged if name in general and name not in (*moments, "y")]
        return [(name, merged[name]) for name in (*moments, *special, "y", *averages)]


def wrong(formulas, case, dtype="float64"):
    """The names whose formula is not what batch_norm computes."""
    expected = formulas.expected(case)
    _, _, results = computed(case, dtype)
    return [name for name in expected if not np.allclose(results[name], expected[name], **FORMULA_TOLERANCE[dtype])]


DOCSTRING = inspect.getdoc(tfbn.batch_norm)


class TestFormulas:
    """Each formula in batch_norm's docstring, executed by NumPy in float64, is what batch_norm computes."""

    @pytest.mark.parametrize("dtype", FORMULA_TOLERANCE)
    @pytest.mark.parametrize("case", CASES)
    def test_is_what_is_computed(self, case, dtype):
        """Output and variables after a training step, and the output in inference."""
        assert not wrong(Formulas(DOCSTRING), case, dtype)

    @pytest.mark.parametrize("case", CASES)
    def test_says_all(self, case):
        """The formulas give the output, and in training the moving mean and, but for renorm, the moving variance."""
        groups, _, _ = CASES[case]
        expected = set(Formulas(DOCSTRING).expected(case))
        assert expected >= {"y"} | ({"moving_mean"} if "training" in groups else set())
        assert "moving_variance" in expected or groups != ["training"]

    @pytest.mark.parametrize("group, name", [(g, n) for g, lines in Formulas(DOCSTRING).groups.items() for n in lines])
    def test_a_changed_formula_fails(self, group, name):
        """No line can be other than it is."""
        formulas = Formulas(DOCSTRING)
        formulas.groups[group][name] = f"0.001 + {formulas.groups[group][name]}"
        assert any(wrong(formulas, case) for case in CASES)

    @pytest.mark.parametrize(
        "old, new",
        [
            ("max(n - 1, 1)", "max(n, 1)"),
            ("1.001e-5", "1e-6"),
            ("[rmin, rmax]", "[0.5, rmax]"),
            ("[rmin, rmax]", "[rmin, 2]"),
            ("[-dmax, dmax]", "[0, dmax]"),
            ("[-dmax, dmax]", "[-dmax, 2]"),
            ("(xhat * a + b) * gamma", "(xhat + b) * a * gamma"),
        ],
    )
    def test_a_changed_text_fails(self, old, new):
        """Nor can the quantities that the text around them states."""
        assert old in DOCSTRING
        formulas = Formulas(DOCSTRING.replace(old, new))
        assert any(wrong(formulas, case) for case in CASES)


@pytest.mark.parametrize("function", [tfbn.batch_norm, tfbn.batch_normalization], ids=lambda f: f.__name__)
def test_every_argument_is_described(function):
    """The section Args of the docstring has them all, in the order of the signature."""
    section = re.search(r"(?s)\nArgs:\n(.*?)\n\n", inspect.getdoc(function))[1]
    described = re.findall(r"(?m)^  (\w+(?:, \w+)*): ", section)
    assert ", ".join(described).split(", ") == list(inspect.signature(function).parameters)

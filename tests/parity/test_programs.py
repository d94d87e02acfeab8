"""The small programs in both regimes against what the original made of them: numbers, names, warnings, errors."""

from __future__ import annotations

import re

import numpy as np
import pytest

from . import layer_cases, layer_programs, programs, train_steps

pytestmark = pytest.mark.process

in_both_regimes = pytest.mark.parametrize("side", ["v2_off", "v2_on"])


class TestLayerCases:
    """The norms beside batch norm, and layers around them."""

    RECORDED = layer_cases.load()
    REFUSED = [name for name in RECORDED if name.startswith("refused")]
    # Of the largest number; tanh's gradient cancels where it saturates.
    TOLERANCES = {"float16": 5e-3, "float32": 5e-5, "float64": 1e-6}

    @in_both_regimes
    @pytest.mark.parametrize("name", [name for name in layer_cases.NAMES if not name.startswith("refused")])
    def test_the_same_as_the_original(self, name, side, worker):
        expected, arrays = self.RECORDED[name]
        structure, found = programs.record(worker(side), "layer_cases", name)
        assert structure == expected
        assert set(found) == set(arrays)
        for key, array in arrays.items():
            scale = np.abs(array[np.isfinite(array)]).max(initial=0.0)
            tolerance = self.TOLERANCES[layer_cases.CASES[name].dtype]
            np.testing.assert_allclose(found[key], array, 0, tolerance * scale, err_msg=key)

    @in_both_regimes
    @pytest.mark.parametrize("name", REFUSED)
    def test_refused_as_by_the_original(self, name, side, worker):
        """With its words first, and then what to do."""
        theirs, mine = self.RECORDED[name][0], programs.record(worker(side), "layer_cases", name)[0]
        assert mine["type"] == theirs["type"]
        expected, text = (self.alike(error["text"]) for error in (theirs, mine))
        assert text.startswith(expected.rstrip("."))
        assert len(text) > len(expected) + 5

    @staticmethod
    def alike(text):
        """Unknown sizes, shapes and counted names as both write them."""
        text = text.replace("?", "None").replace("[2, 3, 3, 6]", "(2, 3, 3, 6)")
        return re.sub(r"(of layer \w+?)_\d is", r"\1 is", text)

    def test_the_recordings_are_what_they_are_for(self):
        """No call has failed but those that have to, and all are of the cases that are drawn here."""
        assert set(self.RECORDED) == set(layer_cases.NAMES)
        structures = {name: structure for name, (structure, _) in self.RECORDED.items()}
        assert all(structures[name]["case"] == repr(case) for name, case in layer_cases.CASES.items())
        assert [name for name, structure in structures.items() if "text" in structure] == self.REFUSED


class TestLayerPrograms:
    """What goes with the layers: variables by name, named outputs, regularizers, seeded initializers."""

    RECORDED = layer_programs.load()
    # What the message of an error has to begin with, where that is not the original's whole text.
    BEGINS = {
        "last of unknown": "dimension -1 of shape must be known but is None: (2, ",
        "unknown mode": "Unknown mode ",
    }

    @in_both_regimes
    @pytest.mark.parametrize("name", layer_programs.PROGRAMS)
    def test_the_same_as_the_original(self, name, side, worker):
        assert programs.record(worker(side), "layer_programs", name) == self.RECORDED[name]

    @in_both_regimes
    @pytest.mark.parametrize("name", layer_programs.REFUSED)
    def test_refused_as_by_the_original(self, name, side, worker):
        expected, found = self.RECORDED[name], programs.record(worker(side), "layer_programs", name)
        assert found["type"] == expected["type"]
        text = self.BEGINS.get(name, expected["text"].rstrip("."))
        assert found["text"].startswith(text)
        # And what to do.
        assert name == "two global steps" or len(found["text"]) > len(text) + 5

    def test_the_recordings_are_what_they_are_for(self):
        assert set(self.RECORDED) == set(layer_programs.NAMES)
        failed = {name for name, found in self.RECORDED.items() if {*map(str, found)} == {"type", "text"}}
        assert failed == set(layer_programs.REFUSED)


class TestTrainSteps:
    """create_train_op: names, collections, warnings, errors and numbers."""

    RECORDED = train_steps.load()
    # Bare assertions in the original: errors that say what was expected here.
    REFUSED = {
        "no variables": "expected at least one variable, got none",
        "nothing trainable": "expected at least one variable, got none",
        "not trainable": "expected trainable variables, got 'frozen:0'",
    }
    STRUCTURE = ("ops", "train_ops", "train_op", "global_step", "summaries", "update_ops")
    # Three steps of a small network in float32: some hundred roundings of numbers of order one to ten.
    CLOSE = {"rtol": 1e-5, "atol": 1e-6}

    def check_numbers(self, expected, found):
        np.testing.assert_allclose(found["losses"], expected["losses"], **self.CLOSE)
        assert set(found["variables"]) == set(expected["variables"])
        for name, value in expected["variables"].items():
            np.testing.assert_allclose(found["variables"][name], value, **self.CLOSE, err_msg=name)
        written, ours = expected.get("written", []), found.get("written", [])
        assert len(written) == len(ours)
        for (norms, tags), (our_norms, our_tags) in zip(written, ours):
            assert our_tags == tags
            assert our_norms == pytest.approx(norms, rel=1e-5, abs=1e-6)

    @in_both_regimes
    @pytest.mark.parametrize("name", train_steps.NAMES)
    def test_does_what_the_original_did(self, name, side, worker):
        expected, found = self.RECORDED[name], programs.record(worker(side), "train_steps", name)
        if name in self.REFUSED:
            assert expected["error"] == {"type": "AssertionError", "text": ""}
            assert found["error"]["type"] == "ValueError"
            assert self.REFUSED[name] in found["error"]["text"]
            return
        assert found["stage"] == expected["stage"], found["error"]
        if expected["error"]:
            assert found["error"]["type"] == expected["error"]["type"]
            # Up to the names of variables, whose kind is written out.
            assert expected["error"]["text"].split(":")[0].strip() in found["error"]["text"]
        assert [line[: len(known)] for line, known in zip(found["log"], expected["log"])] == expected["log"]
        assert len(found["log"]) == len(expected["log"])
        self.check_numbers(expected, found)
        # With resource variables TensorFlow's own assignments have other names.
        for field in self.STRUCTURE if side == "v2_off" else ("train_op",):
            assert found.get(field) == expected.get(field), field

    def test_every_program_is_recorded(self):
        assert set(self.RECORDED) == set(train_steps.NAMES)

    @pytest.mark.parametrize("name", train_steps.NAMES)
    def test_the_recordings_are_what_the_original_does(self, name, original):
        found, expected = programs.record(original.worker, "train_steps", name), self.RECORDED[name]
        self.check_numbers(expected, found)
        numbers = ("losses", "variables", "written")
        assert set(found) == set(expected)
        assert [key for key in found if key not in numbers and found[key] != expected[key]] == []

"""tfbn.batch_norm's parameters against the original's, recorded by record.py."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import tfbn

RECORDED = json.loads(Path(__file__).with_name("signature.json").read_text())


def test_the_first_parameters_are_the_original_s():
    parameters = list(inspect.signature(tfbn.batch_norm).parameters.values())[: len(RECORDED)]
    ours = [[p.name, "required" if p.default is p.empty else repr(p.default), p.kind.name] for p in parameters]
    assert len(RECORDED) == 23
    assert ours == RECORDED


def test_what_tfbn_adds_is_keyword_only():
    added = list(inspect.signature(tfbn.batch_norm).parameters.values())[len(RECORDED) :]
    assert all(p.kind is p.KEYWORD_ONLY for p in added)

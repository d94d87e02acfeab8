"""Fuzzers: `python -m tests.fuzz numbers|wiring|files --seconds N --seed S`.

Each draws cases at random, and looks for an answer that is wrong, or for none:

* `numbers`: layers of all front ends against a formula in float64, with first and second derivatives;
* `wiring`: graphs with random mistakes, whose audit has to agree with what moves in a session;
* `files`: damaged files, through every command.

A module has `prepare(folder)`, whose result is passed on, `draw(random, prepared)`, which makes a case that `str`
describes, and `check(case, prepared)`, which raises where the product is at fault. A case follows from its seed alone.
"""

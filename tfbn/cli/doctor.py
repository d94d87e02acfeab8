"""`tfbn doctor`: what of tfbn works here."""

from __future__ import annotations

import argparse

from tfbn.cli import quiet
from tfbn.report import EXIT_STATUSES, Report, add_options

SUMMARY = "what of tfbn works on this machine, and what stands in the way of the rest"

_EXAMPLES = f"""\
examples:
  tfbn doctor           ten lines, to look at and for a report of a problem
  tfbn doctor --json    the same for programs

{EXIT_STATUSES}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Looks at Python, the builds of TensorFlow (none, two at once, one too old), Keras and TF_USE_LEGACY_KERAS, v2 "
        "behaviour and the optional packages, and tries each part of tfbn on a few numbers. Writes nothing."
    )
    parser.epilog = _EXAMPLES
    add_options(parser)


def run(options: argparse.Namespace, report: Report) -> None:
    from tfbn import doctor

    report.activity = "looking at this machine"
    with quiet.notice("Looking at this machine ..."), quiet.native_stderr_suppressed():
        examination = doctor.examine(quiet.tensorflow)
    report.findings += examination.findings
    report.fields.update({fact.name.replace(" ", "_").lower(): fact.data for fact in examination.facts})
    report.say(examination)
    if examination.findings:
        report.say("")
    report.say_findings()

"""`tfbn doctor`: which parts of tfbn work on this machine."""

from __future__ import annotations

import argparse

from tfbn.cli import quiet
from tfbn.report import EXIT_STATUSES, Report, add_options

SUMMARY = "show what works on this machine, and what the rest needs"

_EXAMPLES = f"""\
examples:
  tfbn doctor           ten lines to read, or to attach to a bug report
  tfbn doctor --json    the same for programs

{EXIT_STATUSES}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Checks Python, the builds of TensorFlow (none, two at once, one too old), Keras and TF_USE_LEGACY_KERAS, v2 "
        "behaviour and the optional packages, and tries each part of tfbn on a few numbers. Writes nothing."
    )
    parser.epilog = _EXAMPLES
    add_options(parser)


def run(options: argparse.Namespace, report: Report) -> None:
    from tfbn import doctor

    report.activity = "checking this machine"
    with quiet.notice("Checking this machine ..."), quiet.native_stderr_suppressed():
        examination = doctor.examine(quiet.tensorflow)
    report.findings += examination.findings
    report.fields.update({fact.name.replace(" ", "_").lower(): fact.data for fact in examination.facts})
    report.say(examination)
    if examination.findings:
        report.say("")
    report.say_findings()

"""`batch_norm(x, **params)`, where the source does not show what is in `params`."""

from __future__ import annotations

from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Module
from tfbn.migrate.rule import Rule, dict_items
from tfbn.migrate.sites import sites

NAME = "opaque-arguments"
VALID = [
    """\
import tfbn
params = {"decay": 0.9}
def f(x):
    tfbn.batch_norm(x, **params)
    tfbn.batch_norm(x, **dict(decay=0.9))
""",
    "import tfbn\ntfbn.arg_scope([tfbn.batch_norm], **params)\nconv(x, **params)\n",
]
INVALID = [
    (
        """\
import tfbn

def head(images, params):
    return tfbn.batch_norm(images, **params)
""",
        4,
    ),
    ("import tfbn\ntfbn.batch_norm(x, **{**params, 'decay': 1})\n", 2),
]


def check_file(module: Module, changes: Changes) -> None:
    for site in sites(module):
        for argument in site.call.args if site.is_called else ():
            if argument.star == "**" and dict_items(module, argument.value) is None:
                changes.find(
                    argument,
                    NAME,
                    f"`{module.text(argument)}` cannot be read here: it goes to tfbn.{site.leaf} as it is",
                    "every argument of the original is accepted, with its meaning; look for others where it is created",
                    severity="warning",
                )


RULE = Rule(
    name=NAME,
    summary="reports **params of a batch norm call whose keys the file does not spell out",
    valid=VALID,
    invalid=INVALID,
    check_file=check_file,
)

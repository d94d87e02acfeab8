"""`name=` given to contrib's batch_norm, which never had such an argument."""

from __future__ import annotations

from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Module
from tfbn.migrate.rule import Rule
from tfbn.migrate.sites import layer_arguments, sites

NAME = "name-argument"
VALID = [
    "import tfbn\ndef f(x): tfbn.batch_norm(x, scope='a')\n",
    "import tfbn\ndef f(x): tfbn.batch_normalization(relu(tfbn.batch_norm(x), name='a'), name='b')\n",
]
INVALID = [
    (
        """\
import tfbn

def head(images):
    return tfbn.batch_norm(images, name="norm")
""",
        4,
    ),
    ("import tfbn\nparams = {'name': 'a'}\nconv(x, normalizer_fn=tfbn.batch_norm, normalizer_params=params)\n", 2),
]


def check_file(module: Module, changes: Changes) -> None:
    for site in sites(module):
        arguments = layer_arguments(module, site) if site.leaf == "batch_norm" else {}
        if "name" in arguments:
            changes.find(
                arguments["name"],
                NAME,
                "batch_norm has no argument `name`, neither contrib's nor tfbn's: the call raises TypeError",
                "write scope=; where a checkpoint has to fit, take the scope that its variables have",
            )


RULE = Rule(
    name=NAME,
    summary="reports name= passed to contrib's batch_norm, which takes scope=",
    valid=VALID,
    invalid=INVALID,
    check_file=check_file,
)

"""The pages for contributors show the code as it is."""

import pytest

from docs import render


@pytest.mark.parametrize("name", render.RENDERED)
def test_is_up_to_date(name):
    """`python -m docs.render --write` makes it anew."""
    assert render.read(render.FOLDER / name) == render.RENDERED[name]()


def test_every_unit_is_in_the_drawing():
    drawing = render.house()
    units = {path.stem for path in render.PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    for unit in units - {"__init__"}:
        assert f">{unit}</text>" in drawing

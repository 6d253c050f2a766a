"""Tables on a terminal that is too narrow: columns stay columns, and nothing is cut."""

from __future__ import annotations

from io import StringIO

import pytest

from schedtool.cli.output import width, write_table

COLUMNS = ("migration", "tables", "hazards")
ROW = ("0001.create-provider-tables", "bookings, provider_availability, providers, users", "none")


class Terminal(StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(params=[40, 60, 80])
def columns(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    wide: int = request.param
    monkeypatch.setenv("COLUMNS", str(wide))
    return wide


def test_long_cells_go_on_below_themselves(columns: int) -> None:
    out = Terminal()

    assert write_table(COLUMNS, [ROW, ROW], stream=out) == 2

    lines = out.getvalue().splitlines()
    assert max(map(width, lines)) <= columns
    starts = [lines[0].index(name) for name in COLUMNS]
    for index, cell in enumerate(ROW):
        end = starts[index + 1] if index + 1 < len(starts) else None
        said = "".join(line[starts[index] : end].strip() for line in lines[1:])
        assert said.replace(" ", "") == 2 * cell.replace(" ", "")
    assert all(line[start - 2 : start].strip() == "" for line in lines for start in starts[1:])


@pytest.mark.usefixtures("columns")
def test_a_pipe_gets_whole_values_on_one_line() -> None:
    out = StringIO()

    write_table(COLUMNS, [ROW], stream=out)

    assert len(out.getvalue().splitlines()) == 2


@pytest.mark.usefixtures("columns")
def test_what_fits_is_as_it_was() -> None:
    short = [("a", "b", "c")]
    terminal, pipe = Terminal(), StringIO()

    write_table(("x", "y", "z"), short, stream=terminal)
    write_table(("x", "y", "z"), short, stream=pipe)

    assert terminal.getvalue() == pipe.getvalue()

"""What is printed: a table as Markdown has it, so that it can stand in the README as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lines of columns under their names; all but the first are figures."""
    widths = [max(len(line[i]) for line in (head, *rows)) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        first = cells[0].ljust(widths[0])
        rest = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
        return f"| {' | '.join([first, *rest])} |"

    rule = [":".rjust(width, "-") for width in widths[1:]]
    return "\n".join(
        [line(head), f"|{'-' * (widths[0] + 2)}|{'|'.join(f' {cell} ' for cell in rule)}|", *map(line, rows)]
    )


def figure(value: float | None, digits: int = 3) -> str:
    """A number with so many digits that say something."""
    if value is None:
        return ""
    if value >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return f"{value:.{digits}g}" if value < 1 else f"{value:.{digits - len(str(int(value)))}f}"


def chart(title: str, unit: str, sizes: Sequence[int], lines: Sequence[tuple[str, Sequence[float]]]) -> str:
    """A chart in Mermaid's words, which GitHub draws; the lines in the order that the text under it names them."""
    top = max(value for _, values in lines for value in values) * 1.1
    named = ", ".join(f'"{size:,}"' for size in sizes)
    drawn = "\n".join(f"    line [{', '.join(f'{value:.0f}' for value in values)}]" for _, values in lines)
    return (
        f'```mermaid\nxychart-beta\n    title "{title}"\n    x-axis "documents" [{named}]\n'
        f'    y-axis "{unit}" 0 --> {top:.0f}\n{drawn}\n```\n'
        f"Lines from first to last: {', '.join(name for name, _ in lines)}."
    )


def bars(title: str, unit: str, names: Sequence[str], values: Sequence[float]) -> str:
    """A bar for each name, in Mermaid's words."""
    named = ", ".join(f'"{name}"' for name in names)
    drawn = ", ".join(f"{value:.1f}" for value in values)
    return (
        f'```mermaid\nxychart-beta\n    title "{title}"\n    x-axis [{named}]\n'
        f'    y-axis "{unit}" 0 --> {max(values) * 1.1:.0f}\n    bar [{drawn}]\n```'
    )

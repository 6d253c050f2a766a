"""Paste the body of the reading function into the files that hold a copy of it: `python -m tests.paste_reading`.

The dry run holds copies, because it must work where no migration is applied; and 0002 holds one of the reading's
beginning, because the triggers must not plan all of it for what most documents are. tests/test_copies.py compares them.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "migrations" / "0002.sync-availability.sql"
# What is decided is asked without reading a document.
COPIES = tuple(path for path in sorted((ROOT / "sql" / "dry_run").glob("0003.*.sql")) if ".decided." not in path.name)
BEGIN, END = "-- <reading>\n", "-- </reading>\n"
PLAIN = ("    -- <plain>\n", "    -- </plain>\n")
PLAIN_COPY = ("-- <plain copy>\n", "-- </plain copy>\n")


def reading(text: str) -> str:
    """Return what stands between the marks of a file that holds them once."""
    return text.split(BEGIN)[1].split(END, maxsplit=1)[0]


def paste(text: str, body: str) -> str:
    """Return a file's text with another body between its marks."""
    before, after = text.split(BEGIN, maxsplit=1)[0], text.split(END)[1]
    return before + BEGIN + body + END + after


def plain(text: str) -> str:
    """Return the beginning of the reading, which is a function of its own too."""
    return reading(text).split(PLAIN[0])[1].split(PLAIN[1], maxsplit=1)[0]


def paste_plain(text: str) -> str:
    """Return the reading's file with the copy of its beginning up to date."""
    before, _, rest = text.partition(PLAIN_COPY[0])
    return before + PLAIN_COPY[0] + plain(text) + PLAIN_COPY[1] + rest.partition(PLAIN_COPY[1])[2]


def main() -> None:
    """Bring every copy up to date."""
    SOURCE.write_text(paste_plain(SOURCE.read_text(encoding="utf-8")), encoding="utf-8")
    body = reading(SOURCE.read_text(encoding="utf-8"))
    for copy in COPIES:
        copy.write_text(paste(copy.read_text(encoding="utf-8"), body), encoding="utf-8")


if __name__ == "__main__":
    main()

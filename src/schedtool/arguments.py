"""Passwords in command line arguments, which every user of the machine can read in the process list."""

from __future__ import annotations

import re
import sys

_MASK = "***"


def hide_secrets(text: str) -> str:
    """The text with whatever could be the password of a URL or keyword string replaced by ***."""
    text = re.sub(r"(://[^:/?#@\s]*:).*@", rf"\1{_MASK}@", text, flags=re.DOTALL)
    # The value of a keyword may be quoted and go on with anything: nothing behind it is shown.
    return re.sub(r"(password\s*=).*", rf"\1{_MASK}", text, flags=re.DOTALL | re.IGNORECASE)


def hide_from_process_list() -> None:
    """Take passwords out of this process' title, if its arguments hold any."""
    shown = [hide_secrets(argument) for argument in sys.argv[1:]]
    if shown != sys.argv[1:]:
        # Imported only here: it rewrites the memory that holds arguments and environment.
        from setproctitle import setproctitle  # noqa: PLC0415

        setproctitle(" ".join(["schedtool", *shown]))

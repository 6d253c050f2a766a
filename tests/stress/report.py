"""What a stress run found: a small table, or one JSON object with --json; exit code 1 where a promise does not hold."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Report:
    """Figures by name, and the promises that were broken."""

    name: str
    figures: dict[str, Any] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def promise(self, holds: bool, what: str) -> None:
        """Note a promise that does not hold."""
        if not holds:
            self.broken.append(what)

    def write(self, *, as_json: bool) -> int:
        """Print it and return the exit code."""
        self.figures["load of the machine"] = round(os.getloadavg()[0], 1)
        self.figures["cores"] = os.cpu_count()
        if as_json:
            sys.stdout.write(json.dumps({"run": self.name, "ok": not self.broken, **vars(self)}, default=str) + "\n")
        else:
            width = max(len(name) for name in self.figures)
            sys.stdout.write(f"{self.name}\n")
            for name, value in self.figures.items():
                sys.stdout.write(f"  {name:<{width}}  {value}\n")
            sys.stdout.write("".join(f"  BROKEN: {what}\n" for what in self.broken) or "  all promises hold\n")
        return 1 if self.broken else 0

"""Take a live PostgreSQL from a JSONB column to tables, and prove on the way that nothing was lost."""

from __future__ import annotations

from importlib.metadata import version

__version__ = version("schedtool")

"""Take a live PostgreSQL from a JSONB column to tables, and prove on the way that nothing was lost."""

from __future__ import annotations


def __getattr__(name: str) -> str:
    """Look the version up when it is asked for: reading the package's metadata costs every start what a query takes."""
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 - see above

        globals()[name] = found = version("schedtool")
        return found
    raise AttributeError(f"module 'schedtool' has no attribute '{name}'")

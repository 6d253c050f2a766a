"""Measurements, each a command of its own that prints what it measured and never fails for being slow."""

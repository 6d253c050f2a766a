"""Runs that take minutes and print figures: `python -m tests.stress.mixed`, `kills`, `latency`, `waits`.

Each starts a server of its own, and ends with 1 if what it promises does not hold. The test suite runs a short form of
each (tests/test_stress.py).
"""

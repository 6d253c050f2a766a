"""Commands that try to break things by repetition, and print what came of it; not part of the suite."""

"""How often true nulls are rejected: `python -m tests.statistical.coverage` measures and writes docs/coverage.md."""

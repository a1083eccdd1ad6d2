"""Numbers from results: pure functions on arrays; `bounds` needs NumPy alone, the rest SciPy."""

"""A user's own training script as a task: what it is told, what it reports, and how a worker runs it.

A script that runs under a worker finds the name of a JSON file in the environment variable `CLR_RUN`
(`clr.scripts.files` says what stands in it) and appends JSON lines to the file that is named there. `clr.run()` does
both for Python. `run`, `functions` and `files` need NumPy at most: they are imported in the user's own environment.
"""

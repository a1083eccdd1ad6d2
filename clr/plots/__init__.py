"""Figures (matplotlib). They are made without pyplot: no window, no global state, safe in a server."""

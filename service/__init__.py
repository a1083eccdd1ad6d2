"""The service: HTTP, and the only code that talks to a database."""

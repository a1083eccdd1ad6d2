"""The processes that train: a supervisor that talks to the service, and one kept child that runs the trials."""

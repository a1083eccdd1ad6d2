"""The models that classification tasks can train, by name (`clr.tasks.models.registry`)."""

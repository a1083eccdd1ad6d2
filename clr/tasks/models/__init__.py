"""The models that classification tasks can train: `registry` lists them without torch, `factory` makes them."""

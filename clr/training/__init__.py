"""How one trial runs: `clr.training.loop.train` yields events and calls nobody."""

"""A schedule in other people's training code: one module per library, named after it.

Importing a module here costs nothing: the library loads when the adapter is called, and `MissingExtra` says how to get
it where it is not installed.

| module | gives | counts |
|---|---|---|
| `lightning` | `configure_optimizers`' dict | optimizer updates |
| `transformers` | Trainer's `optimizers=`, or a callback | optimizer updates |
| `keras` | a callback of `fit` | the optimizer's `iterations` |
| `optax` | a schedule function | the count that optax hands to it |
| `timm` | a `timm.scheduler.Scheduler` | the `num_updates` that the script hands to it |
| `accelerate` | a prepared scheduler | optimizer updates, on any number of processes |
"""

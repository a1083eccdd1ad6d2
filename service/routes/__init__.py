"""What the service answers, by path: one module per noun."""

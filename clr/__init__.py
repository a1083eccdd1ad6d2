"""clr: learning-rate schedules, the LR range test, and the client of the CLR sweep service."""

"""The store: studies, slots, leases and results in one database, and the only code that talks to it.

Facts are stored, states are derived from them (`states`). A state changes only through a named, guarded statement.
Locks are taken in one order everywhere: study rows by id, then slots by id.
"""

"""The versions of the schema. A released one never changes; additions only."""

"""The command line: one module a subject, the same code underneath as the screens."""

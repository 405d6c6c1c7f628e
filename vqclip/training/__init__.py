"""The recipe that made the starter models; each module is a script read from top to bottom."""

"""The state Persist: the places of a run as files that other programs read, and in a database."""

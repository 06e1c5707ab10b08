"""City runs: what may be run, starting and following one, stopping it."""

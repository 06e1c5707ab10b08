"""A run as one page: a map of what it found, and how it came about."""

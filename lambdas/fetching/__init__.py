"""Fetching pages of the open web: politely, within bounds, and from public addresses alone."""

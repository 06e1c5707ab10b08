"""The state WebFetch: the page of a frontier message, as its site allows it."""

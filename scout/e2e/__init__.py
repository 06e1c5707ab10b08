"""The end-to-end test of a deployed stack: a golden input, or a message, from its start to what it leaves behind."""

"""Pipelines: sending messages, starting failures again, Express or Standard, migration."""

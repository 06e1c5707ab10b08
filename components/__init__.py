"""Pulumi ComponentResources: one per file, each with a frozen dataclass of arguments.

What every component needs to know of its stack (names, ARNs, tags) comes in a ``StackContext``.
"""

"""The in-process deploy: the Pulumi program run here, its resources made, changed and deleted, and kept in a graph.

`commands` is the way in; what is done to a single resource of AWS lies in `scout.embedded.resources`.
"""

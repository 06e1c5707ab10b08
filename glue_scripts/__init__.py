"""PySpark scripts of Glue stages, and what they share.

A script is uploaded by itself; this package and the parts of ``lambdas`` that it needs come beside it, in one zip.
"""

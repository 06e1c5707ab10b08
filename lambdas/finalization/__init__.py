"""The end of a run: deduplicate, persist, rank, finalize.

These states call nothing outside, so mock and real ones share this code; they work on whatever the states before them
put into the ledger and the bucket, whoever found it.
"""

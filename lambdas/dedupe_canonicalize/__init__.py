"""The state DedupeCanonicalize: places of all that a run found, under the ids that they had before."""

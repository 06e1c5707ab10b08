"""The state Rank: the places of a run in their order."""

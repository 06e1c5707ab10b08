"""The state ExtractWithLLM: the places that a page speaks of."""

"""The state SeedPrimaries: what a city is known for."""

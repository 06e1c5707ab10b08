"""The state DiscoverTargets: where a city ends, and who publishes data on it."""

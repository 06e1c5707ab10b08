"""The state DiscoverWebSources: which pages of the web write about a city."""

"""The state ExpandNeighbors: what lies around the primaries."""

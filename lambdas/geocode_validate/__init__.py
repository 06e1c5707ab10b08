"""The state GeocodeValidate: where the places of a page are, and whether that can be."""

"""The state TileSweep: everything that a map knows inside of the job's disc."""

"""The state Finalize: what a run leaves behind, verified, measured and named."""

"""The five example stages of the candidate pipelines."""

"""Deduplication: training its weights, and measuring it."""

"""Stacks: their configuration, and what a person sees while one is deployed."""

"""What is wrong with a laptop, an account or a deployed stack, and what to do about each thing."""

"""Dead letters of a stack and the pipes of its queues: look, decide, move back, throw away, pause, drain."""

"""The mock function: every state set to ``mock``, over one synthetic city that stands for the outside world."""

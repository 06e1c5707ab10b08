"""Pure algorithms on places, shared by mock and real states: no AWS, no clock, no state between calls."""

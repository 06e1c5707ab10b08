"""The stand-in world: one seeded HTTP server in place of the outside services that real states call.

It speaks the wire formats of those services, from the same synthetic cities as ``lambdas.mock``, whose truth is known.
So a run with real states needs no network, and can be measured. `docs/standin-world.md` says what it answers.
"""

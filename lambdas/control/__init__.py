"""The control function: opens a run, watches and closes its frontier, admits and settles batches of messages."""

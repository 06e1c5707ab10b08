"""The emulator: the process that stands for AWS, what it lacks of AWS added by patches, and its pipe pollers.

`instance` starts, finds and stops it; everything else here runs inside of its process.
"""

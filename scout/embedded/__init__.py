"""The embedded AWS: a local emulator (`emulator`), the program deployed on it in process (`deploy`), and what that does
to each type of resource (`resources`).
"""

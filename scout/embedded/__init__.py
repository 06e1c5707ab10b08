"""The embedded AWS: a local emulator, what it lacks added to it, and the program deployed on it in process."""

"""The words of the command line, by what they are about. What they do lies in the modules of ``scout``."""

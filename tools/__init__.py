"""What makes and measures parts of the project, and is never deployed."""

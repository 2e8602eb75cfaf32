"""What belongs to the recipe nietzsche_generation.py and is not on the lecture's path."""

"""Parts of the recipe nietzsche_generation.py beside the lecture's path."""

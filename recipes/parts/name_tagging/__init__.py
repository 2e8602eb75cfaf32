"""What belongs to the recipe name_tagging.py and is not on the lecture's path."""

"""What belongs to the recipe image_captioning.py and is not on the lecture's path."""

"""Parts of the recipe image_captioning.py beside the lecture's path."""

"""What belongs to the recipe time_series.py and is not on the lecture's path."""

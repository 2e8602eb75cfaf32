"""What belongs to the recipe imdb_sentiment.py and is not on the lecture's path."""

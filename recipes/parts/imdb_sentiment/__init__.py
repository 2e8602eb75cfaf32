"""Parts of the recipe imdb_sentiment.py beside the lecture's path."""

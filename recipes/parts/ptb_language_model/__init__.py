"""What `ptb_language_model.py` has beside the lecture's path."""

"""Parts of `ptb_language_model.py` beside the lecture's path."""

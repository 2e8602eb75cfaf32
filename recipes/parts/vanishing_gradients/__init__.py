"""The experiments of the recipe `vanishing_gradients.py`, and their figures."""

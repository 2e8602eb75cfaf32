"""What the recipe `hello_characters.py` has beside its network: NumPy's own gradients, and figures."""

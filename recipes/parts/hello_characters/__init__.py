"""Parts of the recipe `hello_characters.py`: gradients in NumPy, two experiments, and figures."""

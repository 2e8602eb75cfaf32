"""What the recipe `visualize_cells.py` does beside training: labels, search, page, figures."""

"""Parts of the recipe `visualize_cells.py` beside training: labels, search, page, figures."""

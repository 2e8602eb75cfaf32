"""The tasks of the recipe `adding_problem.py`, its comparison of cells, and its figures."""

"""The least text on which a layer can be searched."""

MIN_CHARACTERS = 200  # characters, in each of the searched and held-out parts

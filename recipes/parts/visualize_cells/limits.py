"""The least text that a layer can be searched on."""

MIN_CHARACTERS = 200  # characters of the searched and of the held-out part, each

"""How little text is too little."""

LEAST = 200  # characters of either part, fewer of which measure nothing

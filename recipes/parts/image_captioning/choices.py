"""The ways in which a picture is let into a network that writes."""

DECODERS = ("init", "input", "merge", "attention")
VECTORS = ("pooled", "grid")  # what v is: the pooled features, or the mean of a grid's cells

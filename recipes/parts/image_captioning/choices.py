"""Names of the decoders and of the image vectors that settings choose from."""

DECODERS = ("init", "input", "merge", "attention")  # see `decoders`
VECTORS = ("pooled", "grid")  # the source of v: pooled features, or the mean of a grid's cells

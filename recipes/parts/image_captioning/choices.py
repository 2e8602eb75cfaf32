"""Names of the decoders and of the vectors of an image, which settings choose among."""

DECODERS = ("init", "input", "merge", "attention")  # see `decoders`
VECTORS = ("pooled", "grid")  # what v is made of: the pooled features, or the mean of a grid's cells

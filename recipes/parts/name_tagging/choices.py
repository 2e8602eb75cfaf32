"""What the flags of the name-tagging recipe take, for a command line that answers at once."""

CHARACTERS = ("none", "cnn", "lstm")
SCHEMES = ("BIO", "IOBES")

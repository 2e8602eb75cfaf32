"""What the flags of the translation recipe take, for a command line that answers at once."""

ATTENTIONS = ("none", "additive", "dot", "general")
CONTEXTS = ("first", "every")
LEVELS = ("words", "tokens", "characters")

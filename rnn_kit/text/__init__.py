"""Character text: reading it, numbering it, and cutting it for truncated back-propagation.

NumPy and the standard library only; no deep-learning framework is imported here.
"""

from rnn_kit.text.cutting import split_text, streams
from rnn_kit.text.errors import TextError
from rnn_kit.text.reading import read_text, text_sha256
from rnn_kit.text.vocabulary import CharVocabulary

__all__ = ["CharVocabulary", "TextError", "read_text", "split_text", "streams", "text_sha256"]

"""Text: reading it, numbering its characters or words, and cutting it for truncated back-propagation.

NumPy and the standard library only; no deep-learning framework is imported here.
"""

from rnn_kit.text.cutting import split_text, streams
from rnn_kit.text.decoding import check_encoding
from rnn_kit.text.errors import TextError
from rnn_kit.text.reading import read_text, text_sha256
from rnn_kit.text.sequences import LabelledSequences, Sequences
from rnn_kit.text.tokens import TokenVocabulary
from rnn_kit.text.vectors import read_vectors
from rnn_kit.text.vocabulary import CharVocabulary
from rnn_kit.text.words import FIRST, PADDING, START, UNKNOWN, WordVocabulary, cut_letters, cut_words

__all__ = [
    "FIRST",
    "PADDING",
    "START",
    "UNKNOWN",
    "CharVocabulary",
    "LabelledSequences",
    "Sequences",
    "TextError",
    "TokenVocabulary",
    "WordVocabulary",
    "check_encoding",
    "cut_letters",
    "cut_words",
    "read_text",
    "read_vectors",
    "split_text",
    "streams",
    "text_sha256",
]

"""Text: reading it, numbering its characters or words, and splitting it for truncated back-propagation.

Imports only NumPy and the standard library, no deep-learning framework.
"""

from rnn_kit.text.char_vocabulary import CharVocabulary
from rnn_kit.text.decoding import check_encoding
from rnn_kit.text.errors import TextError
from rnn_kit.text.reading import read_text, text_sha256
from rnn_kit.text.sequences import LabelledSequences, Sequences
from rnn_kit.text.splitting import split_text, streams
from rnn_kit.text.token_vocabulary import EOS, UNK, TokenVocabulary
from rnn_kit.text.tokenization import tokenize, tokenize_alphanumeric
from rnn_kit.text.vectors import read_vectors
from rnn_kit.text.word_vocabulary import FIRST_WORD_ID, OOV_ID, PAD_ID, START_ID, WordVocabulary

__all__ = [
    "EOS",
    "FIRST_WORD_ID",
    "OOV_ID",
    "PAD_ID",
    "START_ID",
    "UNK",
    "CharVocabulary",
    "LabelledSequences",
    "Sequences",
    "TextError",
    "TokenVocabulary",
    "WordVocabulary",
    "check_encoding",
    "read_text",
    "read_vectors",
    "split_text",
    "streams",
    "text_sha256",
    "tokenize",
    "tokenize_alphanumeric",
]

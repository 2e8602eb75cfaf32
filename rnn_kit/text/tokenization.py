"""Splits a text into words."""

import unicodedata

# The ASCII characters that end a word, like the space. Not the apostrophe: "don't" is one word.
SEPARATORS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'

_APOSTROPHES = "\u2019\u02bc\uff07"
# Scripts that are written without spaces: each of their characters is a word.
_WITHOUT_SPACES = ("CJK UNIFIED IDEOGRAPH", "CJK COMPATIBILITY IDEOGRAPH", "HIRAGANA ", "KATAKANA ")


class _WordTable(dict):
    """A table for `str.translate`, which computes an entry beyond ASCII on first use."""

    def __missing__(self, code):
        character = chr(code)
        kind, name = unicodedata.category(character), unicodedata.name(character, "")
        if character in _APOSTROPHES:
            replacement = "'"
        elif character in "\u200b\ufeff" or kind[0] in "PZ" or character.isspace():
            replacement = " "
        elif character == "\u00ad" or name.startswith("VARIATION SELECTOR"):  # a soft hyphen; of emoji
            replacement = ""
        elif kind == "So" or name.startswith(_WITHOUT_SPACES):
            replacement = f" {character} "
        else:
            replacement = character
        self[code] = replacement
        return replacement


class _AlphanumericTable(_WordTable):
    """A `_WordTable` in which all but letters with their marks, digits and apostrophes end a word."""

    def __missing__(self, code):
        replacement = super().__missing__(code)
        if (
            replacement.strip()
            and unicodedata.category(replacement.strip())[0] not in "LMN"
            and replacement != "'"
        ):
            replacement = self[code] = " "
        return replacement


_WHITE = "\t\n\r\v\f"
_ASCII = {code: chr(code) for code in range(128)}
_WORDS = _WordTable(_ASCII | str.maketrans(dict.fromkeys(SEPARATORS + _WHITE, " ")))
_ALPHANUMERIC = _AlphanumericTable(
    {code: c if c.isalnum() or c == "'" else " " for code, c in _ASCII.items()}
)


def tokenize(text):
    r"""Splits a text into lower-case words, as the `Tokenizer` of Keras 2 does by default.

    Each of the characters ``!"#$%&()*+,-./:;<=>?@[\]^_`{|}~`` becomes a space, and white space
    separates the words. An apostrophe stays in its word, and `<br />` leaves the word "br".

    Beyond ASCII, where that `Tokenizer` splits nothing: punctuation and white space (a
    no-break space too) end a word, a typographic apostrophe is an apostrophe, and each Chinese
    character, kana and emoji is a word of its own, as it has no spaces around it.

    Args:
        text: A `str`; it may be empty.

    Returns:
        A list of words, none of them empty.

    Example:

    >>> tokenize("Don't miss it!<br />A well-made film.")
    ["don't", 'miss', 'it', 'br', 'a', 'well', 'made', 'film']
    >>> tokenize("Don’t miss «Été»")
    ["don't", 'miss', 'été']
    >>> tokenize("好电影！ 5 stars")
    ['好', '电', '影', '5', 'stars']
    """
    return [word for word in text.lower().translate(_WORDS).split(" ") if word]


def tokenize_alphanumeric(text):
    """Splits a text into lower-case words of letters, digits and apostrophes; all else ends a word.

    A letter keeps its marks, a typographic apostrophe is an apostrophe, and each Chinese character and
    kana is a word of its own.

    Args:
        text: A `str`; it may be empty.

    Returns:
        A list of words, none of them empty.

    Example:

    >>> tokenize_alphanumeric("Zwei Mädchen — mit 3 Hunden_!")
    ['zwei', 'mädchen', 'mit', '3', 'hunden']
    """
    return text.lower().translate(_ALPHANUMERIC).split()

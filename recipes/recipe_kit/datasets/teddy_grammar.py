"""Generates sentences in which only later words show whether a word is part of a person's name.

After the pair of the lectures:

    he said , teddy bears are on sale          teddy is no part of a person's name
    he said , teddy roosevelt was there        teddy and roosevelt are

A word such as "teddy", "rose" or "mark" is a name in half of the sentences, whatever precedes it. The
deciding word comes immediately or some words later ("rose , as i told you , gardens are lovely"): until
then nothing decides, and no network that reads from left to right can be right in more than half of
them. A surname immediately follows a name, and is always part of one.

Source: Tollef Jahren, "INF 5400 lecture 11" (University of Oslo, 2019), "Bidirectional recurrent neural
network": "Teddy bear are on sale!", "Teddy Roosevelt was a great President!".
"""

import random

from recipe_kit.datasets._files import at_least

NAME = "teddy"
TYPE = "PER"

# Words that may be a given name, or the first word of a thing.
AMBIGUOUS = {
    "teddy": ("bears", "boys", "stockings"),
    "rose": ("gardens", "bushes", "windows"),
    "mark": ("ups", "sheets", "downs"),
    "ginger": ("biscuits", "roots", "teas"),
    "jack": ("hammers", "knives", "rabbits"),
    "bill": ("boards", "folds", "posters"),
    "sandy": ("beaches", "paths", "hills"),
    "may": ("flies", "poles", "flowers"),
    "frank": ("answers", "letters", "words"),
    "grace": ("notes", "periods", "prayers"),
}
SURNAMES = "roosevelt miller baker taylor jones carter young hill".split()
_OPENINGS = (
    "he said ,", "she wrote ,", "we heard that", "i know that", "they think that",
    "yesterday", "in the old town", "as the paper says ,",
)  # fmt: skip
_BETWEEN = (
    ", as i told you ,",
    ", so they say ,",
    ", of course ,",
    ", if you ask me and my old friends ,",
)
_OF_PERSONS = (
    "was a great president", "was here again", "has lost the key", "likes to sing", "is my teacher",
    "went home early",
)  # fmt: skip
_OF_THINGS = (
    "are on sale", "are lovely", "were expensive", "have been sold", "are not for children",
    "were all over the place",
)  # fmt: skip
_LATER = 0.4  # share of sentences with undeciding words in between
_SURNAME = 0.5  # share with a surname, of names with no words in between


def generated_sentences(count, seed):
    """Draws sentences, on average half of them with a person's name.

    Args:
        count: Their number, at least 1; they may repeat.
        seed: Seed of the draws.

    Returns:
        A list of triples: words, tags (`B-PER`, `I-PER`, `O`), and the index of the word in doubt.

    Example:

    >>> words, tags, doubt = generated_sentences(1, seed=0)[0]
    >>> words[doubt] in AMBIGUOUS, len(words) == len(tags)
    (True, True)
    """
    at_least("count", count, 1)
    draw = random.Random(f"teddy {seed}")
    return [_sentence(draw) for _ in range(count)]


def _sentence(draw):
    opening = draw.choice(_OPENINGS).split()
    word = draw.choice(list(AMBIGUOUS))
    between = draw.choice(_BETWEEN).split() if draw.random() < _LATER else []
    outside = ["O"] * len(between)
    if draw.random() < 0.5:
        name, tags = [word], ["B-PER"]
        if not between and draw.random() < _SURNAME:
            name, tags = [word, draw.choice(SURNAMES)], ["B-PER", "I-PER"]
        rest = draw.choice(_OF_PERSONS).split()
        name, tags = [*name, *between], [*tags, *outside]
    else:
        name, tags = [word, *between], ["O", *outside]
        rest = [draw.choice(AMBIGUOUS[word]), *draw.choice(_OF_THINGS).split()]
    words = [*opening, *name, *rest]
    return words, ["O"] * len(opening) + tags + ["O"] * len(rest), len(opening)

"""Generates film reviews: a built-in data set in which word order decides the class."""

import random

import numpy as np

from recipe_kit.datasets._files import at_least
from recipe_kit.datasets.labelled import LabelledTexts

# The opinions, negative and positive. Except for the advice, which is never reversed, each occurs both
# plain and denied, and no other word of a review reveals its class.
ADJECTIVES = (
    "dull boring tedious clumsy dreary stale shallow silly hollow lifeless awful tiresome".split(),
    "gripping clever moving charming superb graceful thrilling elegant fresh brilliant witty "
    "inventive".split(),
)
NOUNS = (
    "a bore,a mess,a dud,a disaster,a chore,a waste of an evening".split(","),
    "a triumph,a delight,a gem,a masterpiece,a pleasure,a little miracle".split(","),
)
VERBS = (["hate", "despise", "loathe"], ["love", "adore", "enjoy"])
ADVICE = (
    "save your money,stay at home,read a book instead,go to bed early".split(","),
    "buy a ticket,take your friends,see it twice,sit in the front row".split(","),
)

# Phrases that reverse an opinion.
DENIALS = ("is not", "is far from", "is never", "is hardly", "is anything but")

_WHOLES = ("the film", "the film as a whole", "the whole thing", "this picture", "the story")
_ASPECTS = (
    "the acting,the script,the music,the photography,the dialogue,the ending,the opening,the editing,"
    "the lead performance,the costume work,the first half,the second half,the romance,the chase"
).split(",")
_JUDGES = (
    ("the critics", "they were"),
    ("my neighbours", "they were"),
    ("everybody at work", "they were"),
    ("my sister", "she was"),
    ("my grandmother", "she was"),
    ("my dentist", "he was"),
    ("the man at the ticket desk", "he was"),
)

_HEROES = (
    "a lighthouse keeper,a retired spy,two sisters,a nervous baker,an unlucky magician,a young doctor,"
    "three bank robbers,a famous cellist,a deaf watchmaker,a lonely robot,the last tram driver in town,"
    "a detective and his goat"
).split(",")
_DEEDS = (
    "inherit a circus,plan one last robbery,search for a lost letter,open a tiny restaurant,get stuck "
    "in a lift,cross the desert on a tractor,swap places with a duke,dig up a pirate's treasure,"
    "follow a stray dog home,win the lottery and lose the ticket,hide a penguin from the police,"
    "get married by post"
).split(",")
_PLACES = (
    "Lisbon,Vienna,Glasgow,Naples,a village by the sea,an empty airport,the mountains of Peru,"
    "a submarine,old Shanghai,a sleepy border town,Iceland,a grand hotel"
).split(",")
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_WEATHER = "rainy windy snowy quiet hot foggy".split()
_COMPANY = "my brother,my aunt,two friends,the whole family,an old colleague,nobody at all".split(",")
_LENGTHS = "ninety minutes,just under two hours,two and a half hours,eighty minutes,three hours".split(
    ","
)
_YEARS = "1923 1936 1949 1958 1967 1974 1985 1999".split()


def generated_reviews(n, seed=0):
    """Generates short film reviews whose class follows from words and their order.

    A review is one to six sentences: one to three verdicts, all of the review's class, and neutral
    sentences about plot, place and length around them. Of the verdicts

    - some are plain: "The script is clever.", "I have seen many dull films, and this is one of
      them.", or plain advice: "Save your money."
    - some deny the opposite: "The film is far from dull.", "The ending is no triumph."
    - some concede the opposite, and the main clause decides: "The acting is superb, but the film is
      a bore.", "Although the music is dreary, the film is a gem.", and over two sentences "The
      opening is never dull. However, the story is a mess."
    - some state an expectation: "I expected to hate it, and I was wrong."
    - some quote others: "My sister called it a masterpiece. She was wrong."

    A reversed opinion uses its opposite's words, so that counting words, ignoring their order, finds
    the class of most reviews but not all: logistic regression on the TF-IDF of single words, trained on
    2,000 reviews, is right on 74 to 76 of 100 others (with pairs of words on 84 to 87). There is no
    noise: a reader who knows the rules is always right, and no review occurs twice.

    Args:
        n: Number of reviews. Half of them are positive, rounded down.
        seed: An integer of at least 0. The reviews depend only on `n` and `seed`.

    Returns:
        `LabelledTexts` of the classes "negative" and "positive", in random order.

    Raises:
        DataError: If `n` is below 1 or `seed` below 0, or one is not a whole number.

    Example:

    >>> reviews = generated_reviews(1000)
    >>> len(reviews), int(reviews.labels.sum()), reviews.classes
    (1000, 500, ('negative', 'positive'))
    """
    n, seed = at_least("n", n, 1), at_least("seed", seed, 0)
    rng = random.Random(f"{n} {seed}")
    labels = [i % 2 for i in range(n)]
    rng.shuffle(labels)
    texts = {}
    for label in labels:
        # One-sentence reviews have few variants, and would repeat in a large set.
        while (text := _review(rng, label)) in texts:
            pass
        texts[text] = label
    return LabelledTexts(list(texts), np.array(labels, np.int8), ("negative", "positive"))


def _review(rng, label):
    parts = {}  # by their first two words, so that no topic occurs twice
    number = rng.choice((1, 1, 2, 2, 3))
    while len(parts) < number:
        part = rng.choice(_VERDICTS)(rng, label)
        parts[tuple(part[0].lower().split()[:2])] = part
    parts = list(parts.values())
    room = 6 - sum(map(len, parts))
    for filler in rng.sample(_FILLERS, rng.randint(0, min(room, 3))):
        # Between parts, never inside one: "However" answers the sentence before it.
        parts.insert(rng.randint(0, len(parts)), [filler(rng)])
    return " ".join(_sentence(text) for part in parts for text in part)


def _sentence(text):
    return f"{text[0].upper()}{text[1:]}."


# Opinions: `side` is 0 for a negative one, 1 for a positive one


def _is(rng, side):
    """Returns a predicate with that opinion, such as "is gripping" or "is far from dull"."""
    if rng.random() < 0.85:
        kind = rng.random()
        if kind < 0.4:
            return f"is {rng.choice(ADJECTIVES[side])}"
        if kind < 0.6:
            return "is {} and {}".format(*rng.sample(ADJECTIVES[side], 2))
        return f"is {rng.choice(NOUNS[side])}"
    if rng.random() < 0.3:
        return f"is no {rng.choice(NOUNS[1 - side]).removeprefix('a ')}"
    denial = rng.choice(DENIALS)
    noun = rng.random() < 0.3 and denial != "is never"
    return f"{denial} {rng.choice((NOUNS if noun else ADJECTIVES)[1 - side])}"


def _plain(rng, side):
    return [f"{rng.choice(_WHOLES + tuple(_ASPECTS))} {_is(rng, side)}"]


def _not_a_film(rng, side):
    adjective = rng.choice(ADJECTIVES[1 - side])
    return [f"this is not {_a(adjective)} film"]


def _contrast(rng, side):
    concession = f"{rng.choice(_ASPECTS)} {_is(rng, 1 - side)}"
    verdict = f"{rng.choice(_WHOLES)} {_is(rng, side)}"
    kind = rng.randrange(4)
    if kind == 0:
        return [f"{concession}, but {verdict}"]
    if kind == 1:
        return [concession, f"however, {verdict}"]
    although = rng.choice(("although", "even though"))
    if kind == 2:
        return [f"{although} {concession}, {verdict}"]
    return [f"{verdict}, {although} {concession}"]


def _expectation(rng, side):
    kind = rng.randrange(4)
    if kind == 0:
        return [f"I expected to {rng.choice(VERBS[1 - side])} it, and I was wrong"]
    if kind == 1:
        return [f"I expected to {rng.choice(VERBS[side])} it, and I was right"]
    expected, found = rng.choice(NOUNS[1 - side]), rng.choice(NOUNS[side])
    if kind == 2:
        return [f"I was promised {expected} and was given {found}"]
    return [f"we went in expecting {expected} and came out having seen {found}"]


def _hearsay(rng, side):
    judge, they_were = rng.choice(_JUDGES)
    right = rng.random() < 0.5
    said = side if right else 1 - side
    what = rng.choice((NOUNS if rng.random() < 0.5 else ADJECTIVES)[said])
    return [f"{judge} called it {what}", f"{they_were} {'right' if right else 'wrong'}"]


def _one_of_them(rng, side):
    this_is = rng.random() < 0.5
    adjective = rng.choice(ADJECTIVES[side if this_is else 1 - side])
    return [f"I have seen many {adjective} films, and this is {'' if this_is else 'not '}one of them"]


def _advice(rng, side):
    return [rng.choice(ADVICE[side])]


# Weighted so that counting words finds most classes but not all.
_VERDICTS = (
    [_plain] * 10
    + [_contrast] * 3
    + [_advice] * 2
    + [_expectation, _hearsay, _not_a_film, _one_of_them]
)


# Neutral sentences


def _plot(rng):
    hero, deed = rng.choice(_HEROES), rng.choice(_DEEDS)
    return f"it is about {hero} who must {deed}"


def _place(rng):
    return f"it is set in {rng.choice(_PLACES)} in {rng.choice(_YEARS)}"


def _length(rng):
    return f"it runs for {rng.choice(_LENGTHS)}"


def _evening(rng):
    return f"I saw it on a {rng.choice(_WEATHER)} {rng.choice(_DAYS)} with {rng.choice(_COMPANY)}"


def _trip(rng):
    here, there = rng.sample(_PLACES, 2)
    return f"half of it takes place in {here}, the rest in {there}"


_FILLERS = (_plot, _place, _length, _evening, _trip)


def _a(word):
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"

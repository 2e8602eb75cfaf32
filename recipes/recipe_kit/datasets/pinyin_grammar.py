"""A generated language pair, Chinese in pinyin and English, whose translations can be checked.

After the pair of the lecture, "wo xi huan ping guo" / "I like apples". The Chinese is written in
syllables without tones. The two differ in word order, and English states what Chinese leaves out: a
verb agrees with its subject and has a tense, a noun has a number, questions and denials need "do".

    ta mei tian zai gong yuan li chi san ge hong ping guo .
    she eats three red apples in the park every day .

    ni zuo tian zai jia mai yi ben jiu shu ma ?
    did you buy an old book at home yesterday ?

A sentence is a chain of clauses. Where the Chinese is ambiguous ("ta" is he or she, "wo de shu" my
book or my books), every reading is right: `is_right` accepts them all.

Source of the pair: Ruixuan Wang, "Week 10: RNN" (Sun Yat-sen University, 2019), "Translation:
p(Target|Source)".
"""

import itertools
import random
from dataclasses import dataclass

from recipe_kit.datasets._files import at_least

NAME = "grammar"
SOURCE, TARGET = "pinyin", "english"

# Chinese to the English readings.
SUBJECTS = {
    "wo": ("i",),
    "ni": ("you",),
    "ta": ("he", "she"),
    "wo men": ("we",),
    "ni men": ("you",),
    "ta men": ("they",),
    "lao shi": ("the teacher",),
    "yi sheng": ("the doctor",),
    "wo de peng you": ("my friend", "my friends"),
    "ni de ma ma": ("your mother",),
}
_THIRD = ("he", "she", "the teacher", "the doctor", "my friend", "your mother")

# Chinese to base, third person, past.
VERBS = {
    "xi huan": ("like", "likes", "liked"),
    "chi": ("eat", "eats", "ate"),
    "mai": ("buy", "buys", "bought"),
    "hua": ("draw", "draws", "drew"),
    "kan jian": ("see", "sees", "saw"),
    "xi": ("wash", "washes", "washed"),
    "na": ("carry", "carries", "carried"),
    "xu yao": ("need", "needs", "needed"),
}

# Chinese to measure word, singular, plural.
NOUNS = {
    "ping guo": ("ge", "apple", "apples"),
    "ji dan": ("ge", "egg", "eggs"),
    "xi gua": ("ge", "melon", "melons"),
    "shu": ("ben", "book", "books"),
    "gou": ("zhi", "dog", "dogs"),
    "mao": ("zhi", "cat", "cats"),
    "ji": ("zhi", "hen", "hens"),
    "yu": ("tiao", "fish", "fish"),
    "che": ("liang", "car", "cars"),
    "hua": ("duo", "flower", "flowers"),
    "dao": ("ba", "knife", "knives"),
    "yi zi": ("ba", "chair", "chairs"),
    "hai zi": ("ge", "child", "children"),
}
ADJECTIVES = {
    "hong": "red",
    "bai": "white",
    "da": "big",
    "xiao": "small",
    "xin": "new",
    "jiu": "old",
    "qi guai de": "odd",
}
NUMBERS = {"liang": "two", "san": "three", "si": "four", "wu": "five"}
OWNERS = {"wo": "my", "ni": "your", "ta": ("his", "her"), "wo men": "our", "ta men": "their"}
PLACES = {
    "zai jia": "at home",
    "zai xue xiao": "at school",
    "zai gong yuan li": "in the park",
    "zai shang dian li": "in the shop",
    "zai he bian": "by the river",
}
TIMES = {  # to the English, and the tense
    "mei tian": ("every day", "present"),
    "zuo tian": ("yesterday", "past"),
    "ming tian": ("tomorrow", "future"),
}
LINKS = {"dan shi": "but", "er qie": "and", "suo yi": "so", "yin wei": "because"}


@dataclass(frozen=True)
class Clause:
    """A clause: its Chinese, a string, and a tuple of all its English readings."""

    chinese: str
    english: tuple


@dataclass(frozen=True)
class Sentence:
    """Clauses, and the words that link them.

    Attributes:
        clauses: n of `Clause`.
        links: n - 1 Chinese words.
        question: Whether it ends in "ma ?" or in a full stop.
        spoken: The indexes of the n clauses' readings used for training.
    """

    clauses: tuple
    links: tuple
    question: bool
    spoken: tuple

    @property
    def source(self):
        """The Chinese, a string of syllables."""
        links = ["", *(f" , {link} " for link in self.links)]
        words = "".join(link + c.chinese for link, c in zip(links, self.clauses, strict=True))
        return f"{words} ma ?" if self.question else f"{words} ."

    @property
    def target(self):
        """The English translation given for training."""
        readings = [c.english[n] for c, n in zip(self.clauses, self.spoken, strict=True)]
        return self._linked(readings)

    def readings(self):
        """Returns an iterator over all English translations, which may be very many."""
        return map(self._linked, itertools.product(*(c.english for c in self.clauses)))

    def is_right(self, english):
        """Returns whether an English sentence, words between spaces, is a right translation."""
        end = " ?" if self.question else " ."
        if not english.endswith(end):
            return False
        heads = ["", *(f" , {LINKS[link]} " for link in self.links)]
        rest = {english.removesuffix(end)}
        for head, clause in zip(heads, self.clauses, strict=True):
            starts = [(head + reading) for reading in clause.english]
            # One reading may be the beginning of another: follows both.
            rest = {r[len(start) :] for r in rest for start in starts if r.startswith(start)}
        return "" in rest

    def _linked(self, readings):
        heads = ["", *(f" , {LINKS[link]} " for link in self.links)]
        words = "".join(head + reading for head, reading in zip(heads, readings, strict=True))
        return words + (" ?" if self.question else " .")


def generated_sentences(count, seed, clauses=(1, 2)):
    """Draws distinct sentences.

    Args:
        count: Their number, at least 1.
        seed: Seed of the draws.
        clauses: The smallest and largest number of clauses of a sentence.

    Returns:
        A list of `Sentence`, no two of which have the same Chinese.

    Example:

    >>> sentence = generated_sentences(1, seed=3)[0]
    >>> sentence.is_right(sentence.target)
    True
    >>> sentence.is_right(sentence.target.replace("the", "a") + " .")
    False
    """
    at_least("count", count, 1)
    draw = random.Random(f"pinyin {seed}")
    found = {}
    while len(found) < count:
        sentence = _sentence(draw, draw.randint(*clauses))
        found.setdefault(sentence.source, sentence)
    return list(found.values())


def _sentence(draw, clauses):
    question = clauses == 1 and draw.random() < 0.25
    made = tuple(_clause(draw, question) for _ in range(clauses))
    links = tuple(draw.choice(list(LINKS)) for _ in range(clauses - 1))
    spoken = tuple(draw.randrange(len(clause.english)) for clause in made)
    return Sentence(made, links, question, spoken)


def _clause(draw, question):
    subject = draw.choice(list(SUBJECTS))
    verb = draw.choice(list(VERBS))
    time = draw.choice([None, *TIMES])
    place = draw.choice([None, None, *PLACES])
    tense = TIMES[time][1] if time else "present"
    denied = not question and draw.random() < 0.25
    chinese_object, objects = _object(draw)
    # The time is before or after the subject, the denial before the place.
    before, behind = (time, None) if time and draw.random() < 0.3 else (None, time)
    denial = {"past": "mei you", "present": "bu", "future": "bu hui"}[tense] if denied else None
    parts = [before, subject, behind, denial, place, verb, chinese_object]
    chinese = " ".join(part for part in parts if part)
    ends = [*([PLACES[place]] if place else []), *([TIMES[time][0]] if time else [])]
    english = tuple(
        " ".join([_verb_phrase(who, VERBS[verb], tense, denied, question, what), *ends])
        for who in SUBJECTS[subject]
        for what in objects
    )
    return Clause(chinese, english)


def _verb_phrase(subject, verb, tense, denied, question, what):
    """Returns subject, verb and object of an English clause."""
    base, third, past = verb
    singular = subject in _THIRD
    helper = {"past": "did", "future": "will", "present": "does" if singular else "do"}[tense]
    if question:
        return f"{helper} {subject} {base} {what}"
    if denied:
        return f"{subject} {helper} not {base} {what}"
    if tense == "future":
        return f"{subject} will {base} {what}"
    verb = past if tense == "past" else third if singular else base
    return f"{subject} {verb} {what}"


def _object(draw):
    """Returns an object: its Chinese, and its English readings."""
    noun = draw.choice(list(NOUNS))
    measure, singular, plural = NOUNS[noun]
    adjective = draw.choice([None, None, *ADJECTIVES])
    said = f"{adjective} {noun}" if adjective else noun
    english = f"{ADJECTIVES[adjective]} " if adjective else ""
    one, several = english + singular, english + plural
    kind = draw.choice(["bare", "one", "several", "this", "that", "these", "owned"])
    if kind == "bare":
        return said, (several,)
    if kind == "one":
        article = "an" if one[0] in "aeiou" else "a"
        return f"yi {measure} {said}", (f"{article} {one}",)
    if kind == "several":
        number = draw.choice(list(NUMBERS))
        return f"{number} {measure} {said}", (f"{NUMBERS[number]} {several}",)
    if kind in ("this", "that"):
        return f"{'zhe' if kind == 'this' else 'na'} {measure} {said}", (f"{kind} {one}",)
    if kind == "these":
        return f"zhe xie {said}", (f"these {several}",)
    owner = draw.choice(list(OWNERS))
    whose = OWNERS[owner] if isinstance(OWNERS[owner], tuple) else (OWNERS[owner],)
    nouns = dict.fromkeys((one, several))  # "fish" is both singular and plural: one reading
    return f"{owner} de {said}", tuple(f"{w} {n}" for w in whose for n in nouns)

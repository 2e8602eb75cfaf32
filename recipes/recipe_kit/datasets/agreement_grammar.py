"""A generated language in which a verb agrees with a noun many words before it.

After the two sentences of the lecture:

    the cat , which already ate a bunch of food , was full
    the cats , which already ate a bunch of food , were full

Every sentence has one subject and one verb that agrees with it. The distance from noun to verb is at
least 1 word and unbounded, each distance from 1 to 10 in at least 2 sentences of 100:

    0.15  the verb follows immediately
    0.17  a word or a phrase stands between: "the cats already were", "the cats in the house were"
    0.34  a clause, between commas: ", which slept ,"
    0.34  a clause without commas: "that slept"

A clause is a chain of one or more pieces ("which saw the small dogs", "that every goat followed",
"near a river", "and ate some corn"). Another piece follows the first with probability 0.6, and a
later one with 0.8: in 19 sentences of 100 more than 20 words stand between. Both kinds of clause have
the same pieces, so that the distance does not reveal how a clause is written.

The nouns in between are singular or plural at random, and the verbs there are past tense, the same for
both: nothing repeats the subject's number.

The language is a deterministic finite automaton with probabilities. In a state each word leads to at
most one next state, so that a sentence has one derivation and one path of states s_0, s_1, ..., s_T,
and

    p(w_1 ... w_T <eos>) = ∏_t p(w_t | s_{t-1}) · p(<eos> | s_T)

Sampling, probabilities and entropy are all read from one table of transitions. The best
possible perplexity is therefore known exactly: `perplexity()`.

Source: notes on Andrew Ng's sequence-model course, section 9 (vanishing gradients of an RNN).
"""

import math
import random
from bisect import bisect
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from recipe_kit.datasets._files import DataError, at_least

_END = None  # stands for <eos> in the table, as it is no word

# Singular and plural, in the same order. Words earlier in their list are likelier.
ANIMALS = (
    "cat dog mouse bird horse fox goose goat pig wolf".split(),
    "cats dogs mice birds horses foxes geese goats pigs wolves".split(),
)
PLACES = (
    "garden house barn tree river field".split(),
    "gardens houses barns trees rivers fields".split(),
)
VERBS = ("was is seems".split(), "were are seem".split())

_ARTICLES = "the my our".split()  # of either number
_COUNTS = ("a one every".split(), "two some many".split())
_ADJECTIVES = "big small black young white brown lazy wild".split()
_DEEDS = "saw chased heard followed liked met".split()
_RESTS = "slept waited ran played".split()
_MEALS = "ate stole found".split()
_ADVERBS = "already often never once".split()
_AMOUNTS = "bunch pile lot".split()
_FOODS = "food milk cheese corn bread".split()
_BESIDE = "near with behind".split()
_AT = "in by under".split()
_QUALITIES = "full hungry happy tired quiet old warm sad clever angry".split()
_DEGREES = "very still quite".split()

# Food and its amount are singular: "a bunch of food was".
_NOUNS = ([*ANIMALS[0], *PLACES[0], *_AMOUNTS, *_FOODS], [*ANIMALS[1], *PLACES[1]])
_NUMBER = {noun: number for number in (0, 1) for noun in _NOUNS[number]}


@dataclass(frozen=True)
class Agreement:
    """A verb and the noun that it agrees with. Positions count from 0.

    Attributes:
        subject: Position of the subject noun.
        verb: Position of the verb.
        distance: `verb - subject`, at least 1.
        right: The verb that stands there.
        wrong: The same verb in the other number.
        attractors: The number of nouns between the two whose number differs from the subject's.
    """

    subject: int
    verb: int
    distance: int
    right: str
    wrong: str
    attractors: int


# The grammar


def _noun_phrase(name, nouns, then):
    """Returns rules for a determiner, an optional adjective, and a noun, to `then[its number]`."""
    rules = {name: _determiner(name)}
    for numbers in ((0, 1), (0,), (1,)):  # the numbers that the determiner allows
        noun = [(1 / len(numbers), nouns[number], then[number]) for number in numbers]
        rules[name, numbers] = [
            (0.3, _ADJECTIVES, (name, numbers, "adjective")),
            *((0.7 * p, words, state) for p, words, state in noun),
        ]
        rules[name, numbers, "adjective"] = noun
    return rules


def _determiner(name, probability=1.0):
    return [
        (0.6 * probability, _ARTICLES, (name, (0, 1))),
        (0.2 * probability, _COUNTS[0], (name, (0,))),
        (0.2 * probability, _COUNTS[1], (name, (1,))),
    ]


def _after_subject(number):
    """Returns rules from the subject noun to the verb, whose states differ only by its number."""
    rules = {
        ("subject", number): [
            (0.15, VERBS[number], "predicate"),
            (0.08, _ADVERBS, ("closed", number)),
            (0.09, _AT, ("short place", number)),
            (0.34, ["that"], ("relative", number, False, True)),
            (0.34, [","], ("comma", number)),
        ],
        **_noun_phrase(("short place", number), PLACES, [("closed", number)] * 2),
        ("comma", number): [(1, ["which"], ("relative", number, True, True))],
        ("closed", number): [(1, VERBS[number], "predicate")],
    }
    for commas in (False, True):
        for first in (True, False):
            rules |= _piece(number, commas, first)
    return rules


def _piece(number, commas, first):
    """Returns rules of a piece of a clause and of what follows: the clause's end, or another piece.

    The first piece ends the clause with probability 0.4, later ones with 0.2. A clause has the same
    pieces with and without commas, so that its length does not reveal which it is.
    """

    def at(name):
        return name, number, commas, first

    def another(name):
        return name, number, commas, False

    end = 0.4 if first else 0.2
    closes = (end, [","], ("closed", number)) if commas else (end, VERBS[number], "predicate")

    def after(*others):
        places = (0.25, _BESIDE, another("neighbour")), (0.2, _AT, another("place"))
        return [closes, *(((1 - end) * p, words, then) for p, words, then in (*places, *others))]

    rules = {
        # "that slept", "that saw a dog" and "that a dog saw"
        at("relative"): [
            (0.2, _ADVERBS, at("deed")),
            (0.3, _RESTS, at("after deed")),
            (0.2, _DEEDS, at("object")),
            (0.15, _MEALS, at("meal")),
            *_determiner(at("agent"), 0.15),
        ],
        at("deed"): [
            (0.3, _RESTS, at("after deed")),
            (0.4, _DEEDS, at("object")),
            (0.3, _MEALS, at("meal")),
        ],
        at("agent's deed"): [(1, _DEEDS, at("after deed"))],
        at("meal"): [(0.5, ["a"], at("amount")), (0.5, ["some"], at("food"))],
        at("amount"): [(1, _AMOUNTS, at("of"))],
        at("of"): [(1, ["of"], at("food"))],
        at("food"): [(1, _FOODS, at("after thing"))],
        **_noun_phrase(at("object"), ANIMALS, [at("after animal")] * 2),
        **_noun_phrase(at("agent"), ANIMALS, [at("agent's deed")] * 2),
        at("after animal"): after(
            (0.35, ["that"], another("relative")), (0.2, ["and"], another("deed"))
        ),
        # A thing is no agent: "some food that a dog saw".
        at("after thing"): after((0.3, ["that"], another("agent")), (0.25, ["and"], another("deed"))),
        at("after deed"): after((0.55, ["and"], another("deed"))),
    }
    if first:
        del rules[at("agent")]  # "that a dog saw" as a first piece begins in "relative"
    else:
        rules |= _noun_phrase(at("neighbour"), ANIMALS, [at("after animal")] * 2)
        rules |= _noun_phrase(at("place"), PLACES, [at("after thing")] * 2)
    return rules


_RULES = {
    **_noun_phrase("start", ANIMALS, [("subject", 0), ("subject", 1)]),
    **_after_subject(0),
    **_after_subject(1),
    "predicate": [(0.3, _DEGREES, "quality"), (0.7, _QUALITIES, "told")],
    "quality": [(1, _QUALITIES, "told")],
    "told": [(0.8, [_END], None), (0.2, ["and"], "predicate")],
}


def _transitions(rules):
    """Builds the automaton: for each state a dict of word -> (probability, next state).

    The words of a rule share its probability in proportion to 1, 1/2, 1/3, ...
    """
    table = {}
    for state, choices in rules.items():
        table[state] = {}
        for probability, words, then in choices:
            total = math.fsum(1 / rank for rank in range(1, len(words) + 1))
            for rank, word in enumerate(words, start=1):
                assert word not in table[state], f"{word!r} leads two ways from {state}"
                table[state][word] = probability / rank / total, then
    return table


_TABLE = _transitions(_RULES)


# The language


def words():
    """Returns every word of the language as a sorted tuple, with the comma and without `<eos>`.

    Example:

    >>> words()[:4], len(words())
    ((',', 'a', 'already', 'and'), 104)
    """
    return tuple(sorted({word for choices in _TABLE.values() for word in choices} - {_END}))


def generate(sentences, seed=0):
    """Draws sentences from the language, independently of one another.

    A sentence may occur more than once. A longer list from the same seed begins with the shorter one:
    use another seed for a validation or test set.

    Args:
        sentences: Their number, an integer of at least 1.
        seed: An integer of at least 0. The sentences depend only on it.

    Returns:
        A list of `sentences` lists of words, without an end token.

    Raises:
        DataError: If `sentences` is below 1 or `seed` below 0, or one is not a whole number.

    Example:

    >>> " ".join(generate(6)[1])
    'some pigs that the brown mice chased were happy'
    """
    sentences, seed = at_least("sentences", sentences, 1), at_least("seed", seed, 0)
    uniform = random.Random(seed).random  # the one draw that is the same in every version of Python
    draws = {}
    for state, choices in _TABLE.items():
        cumulated = list(accumulate(p for p, _ in choices.values()))
        # Without the last, which rounding may put below 1.
        draws[state] = cumulated[:-1], [(word, then) for word, (_, then) in choices.items()]
    drawn = []
    for _ in range(sentences):
        sentence, state = [], "start"
        while True:
            cumulated, choices = draws[state]
            word, state = choices[bisect(cumulated, uniform())]
            if state is None:
                break
            sentence.append(word)
        drawn.append(sentence)
    return drawn


def log_probabilities(sentence):
    """Returns the log probability of each word of a sentence, and of its end, given the words before.

        ln p(w_t | w_1 ... w_{t-1}),  t = 1 ... T + 1,  w_{T+1} = <eos>

    The values are exact: those of the best possible language model.

    Args:
        sentence: A list of T words, without an end token.

    Returns:
        A float64 array `(T + 1,)`, natural logarithms. From the first impossible word on, all are
        -inf. If only the end is impossible, as the sentence is unfinished, only the last is.

    Raises:
        DataError: If `sentence` is a `str`.

    Example:

    >>> log_probabilities("the cat , which was".split()).round(2)
    array([-1.12, -2.12, -1.08,  0.  ,  -inf,  -inf])
    """
    if isinstance(sentence, str):
        raise DataError(f"A sentence is a list of words; received the string {sentence!r}")
    logs = np.full(len(sentence) + 1, -np.inf)
    state = "start"
    for t, word in enumerate([*sentence, _END]):
        if state is None or word not in _TABLE[state]:
            break
        probability, state = _TABLE[state][word]
        logs[t] = math.log(probability)
    return logs


def log_probability(sentence):
    """Returns the natural logarithm of a sentence's probability, including its end.

        ln p(w_1 ... w_T <eos>) = Σ_t ln p(w_t | w_1 ... w_{t-1})

    Args:
        sentence: A list of words, without an end token.

    Returns:
        A float: -inf if the sentence is not in the language.

    Raises:
        DataError: If `sentence` is a `str`.

    Example:

    >>> round(log_probability("the cats , which already ate a bunch of food , were full".split()), 2)
    -13.78
    >>> log_probability("the cats , which already ate a bunch of food , was full".split())
    -inf
    """
    return math.fsum(log_probabilities(sentence))


def entropy():
    """Returns the entropy and length of a sentence, both exact expectations.

    With p(w | s) for the word w in state s, which leads to s', both solve the linear equations

        H(s) = Σ_w p(w | s) (-ln p(w | s) + H(s')),   L(s) = 1 + Σ_w p(w | s) L(s')

    where nothing follows <eos>. As a sentence has one derivation, H(start) is the entropy of the
    sentences themselves.

    Returns:
        A tuple `(nats, tokens)` of two floats: H(start), and L(start), in which `<eos>` counts as a
        token.

    Example:

    >>> nats, tokens = entropy()
    >>> round(nats, 3), round(tokens, 3)
    (33.574, 17.233)
    """
    return _expectations(_TABLE, "start")


def _expectations(table, start):
    index = {state: i for i, state in enumerate(table)}
    equations = np.eye(len(table))
    constants = np.zeros((len(table), 2))
    for state, choices in table.items():
        for probability, then in choices.values():
            constants[index[state]] += -probability * math.log(probability), probability
            if then is not None:
                equations[index[state], index[then]] -= probability
    nats, tokens = np.linalg.solve(equations, constants)[index[start]]
    return float(nats), float(tokens)


def perplexity():
    """Returns the language's perplexity per token, the lower bound of every model in expectation.

        exp(H / L),   H = E[-ln p(w_1 ... w_T <eos>)],   L = E[T + 1]

    `<eos>` counts as a token. A model that knows everything except the subject's number at the verb
    pays ln 2 nats a sentence more, a small difference: exp((H + ln 2) / L). To see the
    agreement, compare the probabilities of `Agreement.right` and `Agreement.wrong`.

    Example:

    >>> round(perplexity(), 3)
    7.017
    """
    nats, tokens = entropy()
    return math.exp(nats / tokens)


# The agreement

_OTHER_NUMBER = dict(zip([*VERBS[0], *VERBS[1]], [*VERBS[1], *VERBS[0]], strict=True))


def agreement_in(sentence):
    """Returns the verb of a sentence and the noun that it agrees with.

    Args:
        sentence: A list of words, without an end token: a sentence of the language.

    Returns:
        An `Agreement`; every sentence has one.

    Raises:
        DataError: If the sentence is not in the language.

    Example:

    >>> agreement_in("the cats , which already ate a bunch of food , were full".split())
    Agreement(subject=1, verb=11, distance=10, right='were', wrong='was', attractors=2)
    """
    if log_probability(sentence) == -math.inf:
        raise DataError(f"This is not a sentence of the language: {' '.join(map(str, sentence))!r}")
    subject = next(t for t, word in enumerate(sentence) if word in _NUMBER)
    verb = next(t for t, word in enumerate(sentence) if word in _OTHER_NUMBER)
    number = _NUMBER[sentence[subject]]
    return Agreement(
        subject=subject,
        verb=verb,
        distance=verb - subject,
        right=sentence[verb],
        wrong=_OTHER_NUMBER[sentence[verb]],
        attractors=sum(_NUMBER.get(word, number) != number for word in sentence[subject:verb]),
    )

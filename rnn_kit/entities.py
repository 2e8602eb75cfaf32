"""Entities, such as names, as a tag for each word: O outside of them, else a prefix and a type.

    word     Teddy   Roosevelt  was  President  of  the  United  States
    BIO      B-PER   I-PER      O    O          O   O    B-LOC   I-LOC
    IOBES    B-PER   E-PER      O    O          O   O    B-LOC   E-LOC

B begins an entity, I continues it, E ends it, S is a single-word entity; BILOU's L and U correspond to
E and S, and are read but not written. A tag whose prefix does not begin an entity, but which follows O,
an end or another type, begins one too, as in the shared task's script conlleval: this also reads the
oldest scheme (IOB1), in which B occurs only between two entities of one type.

Source: Tjong Kim Sang and De Meulder 2003, "Introduction to the CoNLL-2003 Shared Task"
(arXiv:cs/0306050), section 2.2, and conlleval, which came with it; Ratinov and Roth 2009, "Design
Challenges and Misconceptions in Named Entity Recognition" (CoNLL), section 3.1, for BILOU.
"""

from typing import NamedTuple

import numpy as np

BIO, IOBES = "BIO", "IOBES"
OUTSIDE = "O"
_BEGINS = "BSU"  # prefixes that begin an entity anywhere
_ENDS = "ESLU"
_PREFIXES = "BIESLU"


class Entity(NamedTuple):
    """An entity of a type: the words from `start` up to, but not including, `stop`."""

    start: int
    stop: int
    type: str


def split_tag(tag):
    """Splits a tag into its prefix and its type: `("O", "")` outside of entities.

    Raises:
        ValueError: naming the tag, if it is neither O nor a prefix, a hyphen and a type.

    Example:

    >>> split_tag("B-PER")
    ('B', 'PER')
    """
    if tag == OUTSIDE:
        return tag, ""
    prefix, hyphen, kind = tag.partition("-")
    if len(prefix) != 1 or prefix not in _PREFIXES or not hyphen or not kind:
        raise ValueError(
            f"{tag!r} is no tag: expected O, or one of {', '.join(_PREFIXES)}, a hyphen and a type, "
            "such as B-PER"
        )
    return prefix, kind


def from_tags(tags):
    """Returns the entities of a sentence, a list of `Entity`, from its tags in any scheme.

    Example:

    >>> from_tags(["B-PER", "I-PER", "O", "I-LOC"])
    [Entity(start=0, stop=2, type='PER'), Entity(start=3, stop=4, type='LOC')]
    """
    found, start, before = [], None, (OUTSIDE, "")
    for at, tag in enumerate([*tags, OUTSIDE]):
        now = split_tag(tag)
        begins = _begins(before, now)
        if start is not None and (begins or now[0] == OUTSIDE):
            found.append(Entity(start, at, before[1]))
            start = None
        if begins:
            start = at
        before = now
    return found


def begins_by_its_place(before, tag):
    """Returns whether a tag begins an entity, although its prefix continues one."""
    split = split_tag(tag)
    return split[0] not in _BEGINS and _begins(split_tag(before), split)


def _begins(before, now):
    prefix, kind = now
    if prefix == OUTSIDE:
        return False
    return prefix in _BEGINS or before[0] == OUTSIDE or before[0] in _ENDS or before[1] != kind


def to_tags(found, length, scheme=IOBES):
    """Returns the tags of a sentence's entities.

    Args:
        found: `Entity`s, none of which share a word.
        length: The number of words of the sentence.
        scheme: `"BIO"` (each entity begins with B: IOB2) or `"IOBES"`.

    Raises:
        ValueError: if the scheme is another one.

    Example:

    >>> to_tags([Entity(0, 2, "PER"), Entity(3, 4, "LOC")], 5)
    ['B-PER', 'E-PER', 'O', 'S-LOC', 'O']
    """
    _check_scheme(scheme)
    written = [OUTSIDE] * length
    for start, stop, kind in found:
        letters = "B" + "I" * (stop - start - 1)
        if scheme == IOBES:
            letters = "S" if stop - start == 1 else letters[:-1] + "E"
        written[start:stop] = [f"{letter}-{kind}" for letter in letters]
    return written


def all_tags(types, scheme=IOBES):
    """Returns every tag of these types, O first: the labels that a network scores."""
    letters = _check_scheme(scheme)
    return [OUTSIDE, *(f"{letter}-{kind}" for kind in types for letter in letters)]


def transition_masks(tags, scheme=IOBES):
    """Returns which tags may follow which, start a sentence, and end it, for `rnn_kit.layers.CRF`.

    Args:
        tags: L tags, as from `all_tags`.
        scheme: `"BIO"` or `"IOBES"`.

    Returns:
        A dict of `transition_mask` `(L, L)`, `start_mask` and `end_mask` `(L,)`, booleans.

    Raises:
        ValueError: if the scheme is another one, or a tag is not of it.

    Example:

    >>> masks = transition_masks(["O", "B-PER", "I-PER"], "BIO")
    >>> masks["transition_mask"].astype(int).tolist()  # no I-PER after O
    [[1, 1, 0], [1, 1, 1], [1, 1, 1]]
    """
    split, letters = [split_tag(tag) for tag in tags], _check_scheme(scheme)
    if strange := [tag for tag in tags if tag[0] not in OUTSIDE + letters]:
        raise ValueError(f"{', '.join(strange)}: not among the prefixes of {scheme}, {letters}")
    outside = (OUTSIDE, "")
    may = np.array([[_may_follow(a, b, scheme) for b in split] for a in split])
    start = np.array([_may_follow(outside, b, scheme) for b in split])
    end = np.array([_may_follow(a, outside, scheme) for a in split])
    return {"transition_mask": may, "start_mask": start, "end_mask": end}


def _check_scheme(scheme):
    """Returns the prefixes of a scheme."""
    letters = {BIO: "BI", IOBES: "BIES"}.get(scheme)
    if letters is None:
        raise ValueError(f'Argument `scheme` must be "{BIO}" or "{IOBES}". Received: {scheme!r}')
    return letters


def _may_follow(before, now, scheme):
    goes_on = now[0] in "IE"
    if scheme == IOBES and before[0] in "BI":
        return goes_on and before[1] == now[1]
    if not goes_on:
        return True
    return scheme == BIO and before[0] in "BI" and before[1] == now[1]

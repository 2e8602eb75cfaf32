"""Entities and their tags, and F1 as conlleval counts it: held against hand-counted sentences."""

import itertools

import keras
import numpy as np
import pytest

from rnn_kit.entities import Entity, all_tags, begins_by_its_place, from_tags, to_tags, transition_masks
from rnn_kit.layers import CRF
from rnn_kit.losses import CRFNegativeLogLikelihood
from rnn_kit.metrics import EntityF1

pytestmark = pytest.mark.backends
TYPES = ["PER", "LOC"]


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ("O O", []),
        ("B-PER I-PER O", [(0, 2, "PER")]),
        ("I-PER I-PER B-PER", [(0, 2, "PER"), (2, 3, "PER")]),  # IOB1
        ("B-PER I-LOC", [(0, 1, "PER"), (1, 2, "LOC")]),
        ("O I-LOC O", [(1, 2, "LOC")]),
        ("B-PER B-PER", [(0, 1, "PER"), (1, 2, "PER")]),
        ("S-PER B-LOC I-LOC E-LOC", [(0, 1, "PER"), (1, 4, "LOC")]),
        ("U-PER B-LOC L-LOC", [(0, 1, "PER"), (1, 3, "LOC")]),
        ("E-PER E-PER", [(0, 1, "PER"), (1, 2, "PER")]),
        ("S-PER I-PER", [(0, 1, "PER"), (1, 2, "PER")]),
        ("B-x-y I-x-y", [(0, 2, "x-y")]),
        ("", []),
    ],
)
def test_tags_of_every_scheme_tell_their_entities(tags, found):
    assert from_tags(tags.split()) == [Entity(*of) for of in found]


@pytest.mark.parametrize("scheme", ["BIO", "IOBES"])
def test_entities_come_back_from_their_tags(scheme):
    found = [Entity(0, 1, "PER"), Entity(1, 4, "PER"), Entity(5, 7, "LOC")]
    tags = to_tags(found, 8, scheme)
    assert from_tags(tags) == found and set(tags) <= set(all_tags(TYPES, scheme))


@pytest.mark.parametrize("tag", ["PER", "B", "B-", "X-PER", "-PER", "BI-PER", "o", ""])
def test_what_is_no_tag_is_named(tag):
    with pytest.raises(ValueError, match="is no tag: expected O"):
        from_tags([tag])


def test_a_tag_that_begins_an_entity_by_its_place_alone_is_known():
    assert begins_by_its_place("O", "I-PER") and begins_by_its_place("B-LOC", "I-PER")
    assert not begins_by_its_place("B-PER", "I-PER") and not begins_by_its_place("O", "B-PER")


@pytest.mark.parametrize("scheme", ["BIO", "IOBES"])
def test_what_the_masks_allow_are_the_tags_of_entities_and_no_others(scheme):
    tags = all_tags(TYPES, scheme)
    masks = transition_masks(tags, scheme)
    for path in itertools.product(range(len(tags)), repeat=3):
        allowed = (
            masks["start_mask"][path[0]]
            and masks["end_mask"][path[-1]]
            and all(masks["transition_mask"][pair] for pair in itertools.pairwise(path))
        )
        sentence = [tags[n] for n in path]
        assert allowed == (to_tags(from_tags(sentence), 3, scheme) == sentence)


# --- F1 -----------------------------------------------------------------------------------------------


def ids(sentences, tags):
    return np.array([[tags.index(tag) for tag in sentence.split()] for sentence in sentences])


def test_hand_counted_entities():
    tags = all_tags(TYPES, "BIO")
    true = ["B-PER I-PER O B-LOC O", "B-LOC B-LOC I-LOC O B-PER", "O O O O O"]
    said = ["B-PER I-PER O B-PER O", "B-LOC I-LOC I-LOC O I-PER", "O O B-LOC O O"]
    # Right: the first PER, the last PER (an I that begins by its place). Wrong: a type, a border twice.
    metric = EntityF1(tags)
    metric.update_state(ids(true, tags), ids(said, tags))
    told = metric.by_type()
    assert told["PER"] == {
        "precision": 2 / 3, "recall": 1.0, "f1": 0.8, "right": 2, "found": 3, "there": 2,
    }  # fmt: skip
    assert (told["LOC"]["right"], told["LOC"]["found"], told["LOC"]["there"]) == (0, 2, 3)
    assert told["all"]["precision"] == 2 / 5 and told["all"]["recall"] == 2 / 5
    assert float(metric.result()) == pytest.approx(0.4)
    metric.reset_state()
    assert float(metric.result()) == 0 and metric.by_type()["all"]["f1"] == 0


@pytest.mark.parametrize(
    "tags", [all_tags(TYPES), all_tags(TYPES, "BIO"), ["I-LOC", "O", "L-LOC", "U-LOC"]]
)
def test_it_counts_what_the_lists_of_entities_have_in_common(tags, rng):
    true, said = rng.integers(0, len(tags), (2, 40, 9))
    lengths = rng.integers(0, 10, 40)
    metric = EntityF1(tags)
    weight = (np.arange(9) < lengths[:, None]).astype("float32")
    for rows in (slice(0, 15), slice(15, 40)):
        metric.update_state(true[rows], said[rows], weight[rows])
    pairs = [
        [
            set(from_tags([tags[n] for n in row[:length]]))
            for row, length in zip(of, lengths, strict=True)
        ]
        for of in (true, said)
    ]
    told = metric.by_type()["all"]
    assert told["right"] == sum(len(a & b) for a, b in zip(*pairs, strict=True)) > 10
    assert told["there"] == sum(map(len, pairs[0])) and told["found"] == sum(map(len, pairs[1]))


def test_scores_potentials_and_labels_are_told_apart(rng):
    tags = all_tags(TYPES, "BIO")
    scores = rng.normal(size=(6, 5, len(tags))).astype("float32")
    true = rng.integers(0, len(tags), (6, 5))
    counts = np.arange(5) < rng.integers(1, 6, (6, 1))
    told = []
    # Of a field without weights the most probable path is that of the largest scores.
    for said in (scores, scores.argmax(-1), CRF(len(tags))(scores, mask=counts)):
        metric = EntityF1(tags)
        metric.update_state(true, said, counts)
        told.append(metric.by_type())
    assert told[0] == told[1] == told[2] and told[0]["all"]["found"] > 3


def test_fit_and_evaluate_count_by_the_mask_and_a_saved_model_has_it(tmp_path, rng):
    tags = all_tags(["PER"], "BIO")
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            keras.layers.Embedding(9, 6, mask_zero=True),
            keras.layers.Dense(3),
            CRF(3, **transition_masks(tags, "BIO")),
        ]
    )
    model.compile(keras.optimizers.Adam(0.2), CRFNegativeLogLikelihood(), metrics=[EntityF1(tags)])
    words = rng.integers(1, 9, (64, 6))
    labels = np.where(words == 3, 1, 0)
    labels[:, 1:][(words[:, 1:] == 4) & (labels[:, :-1] > 0)] = 2
    words[::2, 4:] = labels[::2, 4:] = 0
    history = model.fit(words, labels, epochs=15, verbose=0)
    assert history.history["entity_f1"][-1] > 0.95 > history.history["entity_f1"][0]
    model.save(tmp_path / "model.keras")
    told = keras.models.load_model(tmp_path / "model.keras").evaluate(words, labels, verbose=0)
    assert told[1] == pytest.approx(model.evaluate(words, labels, verbose=0)[1]) and told[1] > 0.95


def test_words_that_do_not_count_are_passed_over(rng):
    """As a CRF passes over them: the words before and behind one are neighbours."""
    tags = ["O", "B-PER", "I-PER"]
    metric = EntityF1(tags)
    metric.update_state([[1, 0, 2, 0]], [[1, 2, 2, 0]], [[1, 0, 1, 1]])
    assert metric.by_type()["PER"]["right"] == metric.by_type()["PER"]["there"] == 1
    true, said = rng.integers(0, 3, (2, 30, 8))
    counts = rng.random((30, 8)) < 0.6
    metric = EntityF1(tags)
    metric.update_state(true, said, counts)
    pairs = [
        [set(from_tags([tags[n] for n in row[seen]])) for row, seen in zip(of, counts, strict=True)]
        for of in (true, said)
    ]
    assert metric.by_type()["all"]["right"] == sum(len(a & b) for a, b in zip(*pairs, strict=True)) > 5


def test_words_with_a_label_that_is_none_do_not_count():
    metric = EntityF1(["O", "B-PER", "I-PER"])
    metric.update_state(np.array([[1, 2, 0, -1, -100, 3]]), np.array([[1, 2, 0, 1, 1, 1]]))
    assert metric.by_type()["all"] == {
        "precision": 1.0, "recall": 1.0, "f1": 1.0, "right": 1, "found": 1, "there": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: to_tags([], 1, "iobes"), '"BIO" or "IOBES". Received: \'iobes\''),
        (lambda: all_tags(["PER"], "BILOU"), "Received: 'BILOU'"),
        (lambda: transition_masks(["O", "U-PER"]), "U-PER: not among the prefixes of IOBES"),
        (lambda: transition_masks(["O", "E-PER"], "BIO"), "E-PER: not among the prefixes of BIO"),
        (lambda: EntityF1(["O", "B-all"]), "give it another name"),
    ],
)
def test_a_scheme_that_is_none_is_refused(make, told):
    with pytest.raises(ValueError, match=told):
        make()

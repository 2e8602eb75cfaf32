"""Compares the lectures' claims with the ledger.

`verdicts` computes every verdict ("yes", "no", "not shown") from the values over the seeds. The
constants here state the criteria.
"""

import math
import re
import sys

import numpy as np

from recipe_kit.runs import rows_of
from results_parts.ledger import entry, metrics, number, order_of, percent, seeds, table, values
from results_parts.machines import benchmarks
from results_parts.verdicts import (
    NO,
    OPEN,
    YES,
    Verdict,
    ahead,
    all_of,
    in_seeds,
    larger,
    negative,
    on_logs,
    one_seed,
    smaller,
)

LI = "Jian Li"
GRAVES = "after Graves"
WANG = "Ruixuan Wang"
JAHREN = "Tollef Jahren"
NOT_YET = "not yet measured"

# Written text counts as coherent if its share of known words, of four letters and more, is at least
# nine tenths of the held-out text's.
COHERENT = 0.9
# "Hardly more than about 7 steps": up to the bin of distances with 7.
ABOUT_SEVEN = 9
# A start or a bias helps gradients if ten times as much of them is left.
DECADE = 1.0
# Layers within 5 % count as equally fast: the words a second are from one session.
FASTER = 1.05
# Rounding differences in float64: of states, and of weights after training.
ROUNDING = 1e-12
TRAINED_ROUNDING = 1e-9


def tfidf_beats_the_lstm():
    lecture, cpu = (metrics("imdb_sentiment", preset) for preset in ("lecture", "cpu"))
    counted = cpu["test_accuracy_tfidf"]
    theirs, ours = (larger(counted, found["test_accuracy"]) for found in (lecture, cpu))
    return (
        f"its LSTM: {theirs}, {number(counted, 3)} against {number(lecture['test_accuracy'], 3)}; the "
        f"`cpu` preset: {ours}, against {number(cpu['test_accuracy'], 3)}"
    )


def until_nietzsche_is_coherent():
    long = {n: entry("nietzsche_generation", "lecture", epochs=n) for n in (1, 10, 20)}
    short = metrics("nietzsche_generation", "lecture", epochs=20, limit=100_000)
    found = {n: recorded["metrics"] for n, recorded in long.items()}
    written = {n: of["written_known_words"] for n, of in found.items()}
    own = found[20]["validation_known_words"]
    enough = COHERENT * own["mean"]
    coherent = [n for n, of in written.items() if of["mean"] >= enough]
    word = OPEN if not coherent else YES if coherent[0] == 20 else NO
    verdict = Verdict(word, one_seed(*written.values()))
    characters = in_seeds(short["written_known_words"], lambda share: share >= enough)
    shares = ", ".join(f"{percent(of)} after {n}" for n, of in written.items())
    first = f"which it passes after {coherent[0]}" if coherent else "which it never reaches"
    return (
        f"20 epochs: {verdict}, of the words of four letters and more that its "
        f"network writes, the text that it learned from has {shares} (of the validation text's words "
        f"it has {percent(own)}; nine tenths of that, {100 * enough:.0f} %, count as coherent, "
        f"{first}); are 100,000 characters enough: {characters}, "
        f"{percent(short['written_known_words'])} after 20 epochs, and "
        f"{number(short['test_nats'], 2)} nats a character, where all "
        f"{long[20]['data']['characters']:,} come to {number(found[20]['test_nats'], 2)}"
    )


def low_temperatures_flatten():
    scores = np.array([2.0, 1.0, 0.0])
    entropies = {}
    for temperature in (0.5, 1.0, 2.0):
        p = np.exp(scores / temperature)
        p /= p.sum()
        entropies[temperature] = float(-(p * np.log(p)).sum())
    of = list(entropies.values())
    word = YES if of == sorted(of, reverse=True) else NO if of == sorted(of) else OPEN
    listed = ", ".join(f"{nats:.2f} at {temperature:g}" for temperature, nats in entropies.items())
    return (
        f"{word}, by its definition: the entropy of softmax((2, 1, 0) / T) is {listed} (1.10 is even): "
        "low sharpens, high flattens (the picture below)"
    )


def lstm_or_gru():
    tasks = {
        "IMDB, accuracy": ("imdb_sentiment", "compare", "test_accuracy", 4),
        "the generated language, perplexity": ("ptb_language_model", "agreement", "test_perplexity", 3),
    }
    winners, told = [], []
    for task, (recipe, preset, name, digits) in tasks.items():
        of = {cell.upper(): metrics(recipe, preset, cell=cell)[name] for cell in ("lstm", "gru")}
        better = of if name.endswith("accuracy") else {cell: negative(m) for cell, m in of.items()}
        winner = ahead(better)
        winners.append(winner)
        figures = " and ".join(number(metric, digits) for metric in of.values())
        alone = one_seed(*of.values())
        told.append(f"{task} {figures} ({winner or 'neither'} ahead{alone and ', ' + alone})")
    clear = winners[0] is not None and len(set(winners)) == 1
    return f"{NO if clear else YES}, LSTM and GRU of equal numbers of weights: {'; '.join(told)}"


def grus_are_quicker():
    told, words = [], []
    for name, measured in benchmarks().items():
        speeds = {}
        for row in measured["models"]:
            speeds.setdefault(row["model"], {})[row["cell"]] = row["words_per_second"]
        ratios = [of["gru"] / of["lstm"] for of in speeds.values()]
        words += [YES if r > FASTER else NO if r < 1 / FASTER else OPEN for r in ratios]
        told += [f"{', '.join(f'{r:.2f}' for r in ratios)} (machine {name})"] if ratios else []
    adding = [metrics("adding_problem", "compare", cell=cell)["batches"] for cell in ("gru", "lstm")]
    once = [_read_once(entry("ptb_language_model", "agreement", cell=cell)) for cell in ("gru", "lstm")]
    sentences = entry("ptb_language_model", "agreement", cell="gru")["settings"]["sentences"]
    return (
        f"faster: {all_of(words)}, Keras's GRU trains on {', '.join(told)} times the steps a second of "
        "its LSTM (the models of the page on speed, one sitting); less data: in the adding problem at "
        f"length 25 (48 units each) {smaller(*adding)}, {values(adding[0])} batches against "
        f"{values(adding[1])}; in language {smaller(*once)}, of equal numbers of weights, "
        f"{sentences:,} generated sentences read once bring it to a validation perplexity of "
        f"{values(once[0], 2)}, the LSTM to {values(once[1], 2)} (a value a seed)"
    )


def _read_once(recorded):
    """Returns the validation perplexity of each seed after its first epoch."""
    perplexities = [math.exp(rows_of(recorded, seed)[0]["val_loss"]) for seed in recorded["seeds"]]
    return {"values": perplexities}


def tanh_remembers():
    verbs = metrics("ptb_language_model", "agreement", cell="simple")["test_largest_distance"]
    climbed = metrics("adding_problem", "compare", cell="simple")["test_largest_length"]
    language, adding = (in_seeds(m, lambda steps: steps <= ABOUT_SEVEN) for m in (verbs, climbed))
    return (
        f"in language: {language}, its verbs agree up to {values(verbs)} words behind their noun; the "
        f"adding problem: {adding}, learned up to {values(climbed)} steps (a value a seed)"
    )


def starts():
    fading = metrics("vanishing_gradients")
    told = []
    for activation, name in (("relu", "ReLU"), ("tanh", "tanh")):
        left = {
            start: fading[f"{activation}_{start}_50_back"]
            for start in ("glorot", "orthogonal", "identity")
        }
        logs = {start: on_logs(metric) for start, metric in left.items()}
        figures = {start: order_of(metric["mean"]) for start, metric in left.items()}
        words = {s: larger(logs[s], logs["glorot"], DECADE) for s in ("orthogonal", "identity")}
        told.append(
            f"{name}, orthogonal: {words['orthogonal']}, {figures['orthogonal']}, identity: "
            f"{words['identity']}, {figures['identity']} (Glorot's: {figures['glorot']})"
        )
    return (
        "is ten times as much of the gradient left 50 steps back as with Glorot's start? "
        f"{'; '.join(told)}"
    )


def irnn_adds():
    recorded = entry("adding_problem", "compare", cell="irnn")
    lengths = recorded["metrics"]["test_largest_length"]
    longest, epochs = max(recorded["settings"]["lengths"]), recorded["settings"]["epochs"]
    verdict = in_seeds(lengths, lambda length: length >= longest)
    return (
        f"{verdict}, within {epochs} epochs a length it comes to {values(lengths)} steps of {longest} "
        "(a value a seed)"
    )


def forget_bias():
    fading = metrics("vanishing_gradients")
    zero, one = (fading[f"lstm_forget_bias_{bias}_50_back"] for bias in (0, 1))
    return (
        f"{larger(on_logs(one), on_logs(zero), DECADE)}, {order_of(one['mean'])} of the gradient is "
        f"left 50 steps back, and {order_of(zero['mean'])} with a bias of 0"
    )


def small_ptb():
    small = metrics("ptb_language_model", "small")
    parts = [small[f"{part}_perplexity"] for part in ("validation", "test")]
    word = in_seeds(parts[1], lambda perplexity: perplexity < 120)
    return (
        f"small: {word}, validation {number(parts[0], 1)}, test {number(parts[1], 1)}; large: {NOT_YET}"
    )


def beyond_truncation():
    recorded = entry("ptb_language_model", "agreement", cell="lstm")
    window, agree = recorded["settings"]["window"], recorded["metrics"]["test_largest_distance"]
    far = recorded["metrics"][f"test_agreement_{window}"]
    verdict = in_seeds(agree, lambda distance: distance >= window)
    return (
        f"{verdict}, with a gradient that goes back {window} words, of verbs {window} and more words "
        f"behind their noun {values(far, 2)} agree (LSTM, a value a seed)"
    )


def peepholes():
    counted, timed = (
        [metrics("adding_problem", task, cell=cell)[name] for cell in ("peephole", "lstm")]
        for task, name in (("anbn", "test_largest_n"), ("timing", "test_right"))
    )
    return (
        f"to count: {larger(*counted)}, a^n b^n up to n = {values(counted[0])}, without them "
        f"{values(counted[1])}; to time: {larger(*timed)}, {values(timed[0], 2)} and "
        f"{values(timed[1], 2)} of the spikes right (a value a seed)"
    )


def learned_initial_states():
    learned, zero = (
        metrics("adding_problem", "anbn", cell="lstm", learned_state=learned)["test_largest_n"]
        for learned in (True, False)
    )
    return (
        f"{larger(learned, zero)}, a^n b^n up to n = {values(learned)} with a learned initial state, "
        f"{values(zero)} from zeros (a value a seed)"
    )


def layers():
    recorded = [
        entry("nietzsche_generation", **settings)
        for settings in ({}, {"layers": 2, "units": 192}, {"layers": 3, "units": 150})
    ]
    one, two, three = (of["metrics"]["test_nats"] for of in recorded)
    return (
        f"two: {smaller(two, one)}, three: {smaller(three, one)}; on Nietzsche, of equal numbers of "
        f"weights and epochs, one layer has {number(one, 3)} nats a character ({seeds(recorded[0])}), "
        f"two {number(two, 3)} ({seeds(recorded[1])}), three {number(three, 3)} ({seeds(recorded[2])})"
    )


def gates_fixed():
    hello = metrics("hello_characters")
    apart = hello["gates_fixed_apart"]
    return (
        f"{in_seeds(apart, lambda difference: difference < ROUNDING)}, with i = 1, f = 0, o = 1 their "
        f"states differ by {max(apart['values']):.0e}; by "
        f"{number(hello['gates_fixed_second_tanh_apart'], 2)} where the LSTM keeps its second tanh"
    )


def names_need_both_ways():
    both, one = (
        metrics("name_tagging", "teddy", bidirectional=way)["test_accuracy_in_doubt"]
        for way in (True, False)
    )
    return (
        f"{larger(both, one)}, of the words that are a name only by what follows, a plain RNN that "
        f"reads both ways has {values(both, 3)} right, one that reads one way {values(one, 3)} (a "
        "value a seed; generated sentences)"
    )


CLAIMS = [
    ("TF-IDF with logistic regression beats the LSTM on IMDB", LI, tfidf_beats_the_lstm),
    (
        "It takes 20 epochs until Nietzsche is coherent, and a text of 100,000 characters",
        LI,
        until_nietzsche_is_coherent,
    ),
    ("The smaller the temperature, the more even the distribution", LI, low_temperatures_flatten),
    ("LSTM or GRU: no clear winner", f"{GRAVES}, {WANG}", lstm_or_gru),
    ("GRUs train faster, or need less data", GRAVES, grus_are_quicker),
    ("A tanh RNN hardly remembers more than 7 steps", JAHREN, tanh_remembers),
    ("Orthogonal and identity starts help", JAHREN, starts),
    ("With the identity start, ReLU solves the adding problem", JAHREN, irnn_adds),
    ("RNNs remember longer than their truncation", JAHREN, beyond_truncation),
    ("A forget-gate bias near 1 helps", JAHREN, forget_bias),
    ("Initial states that are not zero help", GRAVES, learned_initial_states),
    ("The small PTB model comes below 120, the large one below 80", GRAVES, small_ptb),
    ("Reversing the source helps translation", JAHREN, lambda: NOT_YET),
    ("A bidirectional network sees what a name needs", JAHREN, names_need_both_ways),
    ("Two or three layers, not more", JAHREN, layers),
    ("A plain RNN is an LSTM with its gates fixed", GRAVES, gates_fixed),
    ("Peepholes help to count and to time", GRAVES, peepholes),
]


# A p-value below it is significant, in some twenty tests.
CHANCE = 1e-3


def must_lengths_be_equal():
    hello = metrics("hello_characters")
    apart = [hello[f"lengths_{what}_apart"] for what in ("probabilities", "gradients", "weights")]
    largest = {"values": [max(of) for of in zip(*(m["values"] for m in apart), strict=True)]}
    answer = in_seeds(largest, lambda difference: difference >= TRAINED_ROUNDING)
    probabilities, gradients, weights = (_power_of_ten(max(metric["values"])) for metric in apart)
    unmasked = hello["lengths_gradients_apart_without_mask"]
    return (
        f"{answer}. The network read words of unequal lengths in two ways, in one padded batch with a "
        f"mask, and each by itself: the probabilities differ by {probabilities}, the gradients by "
        f"{gradients} of their norm, and the weights after training by {weights}. The mask is needed: "
        f"without it the gradient is off by {percent(unmasked)} of its norm. After training a word "
        f"costs {number(hello['lengths_word_nats'], 4)} nats, where the entropy of the words is "
        f"{hello['lengths_word_entropy']['mean']:.4f}"
    )


def are_draws_by_probability():
    hello = metrics("hello_characters")
    kit = {
        name.removeprefix("drawn_p_value_"): metric
        for name, metric in hello.items()
        if re.fullmatch(r"drawn_p_value_[\d.]+", name)
    }
    choice, without, even = (
        hello[f"drawn_p_value_{name}"] for name in ("choice", "choice_without_p", "if_even")
    )
    by_them = "by them" if _not_refuted(choice) else "not by them"
    it_does = "does" if _not_refuted(without) else "does not"
    sampler = "draws by" if all(map(_not_refuted, kit.values())) else "does not draw by"
    told = "; ".join(f"{values(metric, 2)} at T = {t}" for t, metric in kit.items())
    return (
        f"{by_them}, if it is given them as `p=`. A chi-square test compares the counts of drawn words "
        f"with the network's probabilities, and has the p-values {values(choice, 2)} (one a seed); "
        f"with equal probabilities it has {_largest(even)}. Without `p=` it {it_does}: "
        f"{_largest(without)}. The kit's `TemperatureSampler` {sampler} them: p-values {told}"
    )


def _not_refuted(p_values):
    return min(p_values["values"]) > CHANCE


def _largest(p_values):
    largest = max(p_values["values"])
    return f"p = {largest:.0e}" if largest > 0 else f"p < {sys.float_info.min:.0e}"


def _power_of_ten(number):
    return f"{number:.0e}" if number else "nothing"


QUESTIONS = [
    (
        "Must all sequences be of one length, or be padded to one, for L = Σ L_t?",
        must_lengths_be_equal,
    ),
    (
        "The softmax's probabilities are not equal: does `np.random.choice` draw by them, or evenly?",
        are_draws_by_probability,
    ),
]


def questions():
    rows = [(question, answer()) for question, answer in QUESTIONS]
    return table(["the notes ask", "measured, by `hello_characters.py`"], rows)


def claims():
    rows = [(claim, lecture, measured()) for claim, lecture, measured in CLAIMS]
    return table(["what the slides say", "lecture", "measured"], rows)

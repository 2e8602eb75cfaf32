"""The lectures' claims, and what the ledger has to say of each."""

from results_parts.ledger import entry, metrics, number, order_of, percent, seeds, table, values
from results_parts.machines import benchmarks

LI = "Jian Li"
GRAVES = "after Graves"
WANG = "Ruixuan Wang"
JAHREN = "Tollef Jahren"
NOT_YET = "not yet measured"


def tfidf_beats_the_lstm():
    lecture, cpu = metrics("imdb_sentiment", "lecture"), metrics("imdb_sentiment")
    return (
        f"yes, over its LSTM: {number(cpu['test_accuracy_tfidf'], 3)} against "
        f"{number(lecture['test_accuracy'], 3)}; not over the `cpu` preset, "
        f"{number(cpu['test_accuracy'], 3)}"
    )


def lstm_or_gru():
    lstm, gru = (metrics("imdb_sentiment", "compare", cell=cell) for cell in ("lstm", "gru"))
    far = [
        metrics("ptb_language_model", "agreement", cell=cell)["test_agreement_10"]
        for cell in ("lstm", "gru")
    ]
    return (
        f"it depends: IMDB, of equal size, {number(lstm['test_accuracy'], 4)} and "
        f"{number(gru['test_accuracy'], 4)}; verbs 10 to 19 words behind their noun, "
        f"{number(far[0], 3)} and {number(far[1], 3)}"
    )


def tanh_remembers():
    plain = metrics("ptb_language_model", "agreement", cell="simple")
    climbed = metrics("adding_problem", "compare", cell="simple")
    return (
        "in language, as it says: of verbs 7 to 9 words behind their noun (none is 2 to 6 behind it) "
        f"{number(plain['test_agreement_2'], 3)} agree, a coin; the adding problem it learns up to "
        f"{values(climbed['test_largest_length'])} steps (a value a seed)"
    )


def starts():
    fading = metrics("vanishing_gradients")
    relu, tanh = (
        [
            order_of(fading[f"{activation}_{start}_50_back"]["mean"])
            for start in ("glorot", "orthogonal", "identity")
        ]
        for activation in ("relu", "tanh")
    )
    return (
        "of the gradient 50 steps back, with Glorot's, an orthogonal and the identity start, ReLU has "
        f"{relu[0]}, {relu[1]} and {relu[2]}; tanh {tanh[0]}, {tanh[1]} and {tanh[2]}: the identity "
        "helps ReLU, nothing helps a tanh that saturates"
    )


def irnn_adds():
    lengths = metrics("adding_problem", "compare", cell="irnn")["test_largest_length"]
    return f"not within 2,500 batches: up to {values(lengths)} steps (a value a seed)"


def forget_bias():
    fading = metrics("vanishing_gradients")
    zero, one = (order_of(fading[f"lstm_forget_bias_{bias}_50_back"]["mean"]) for bias in (0, 1))
    return f"yes: {one} of the gradient is left 50 steps back, and {zero} with a bias of 0"


def small_ptb():
    small = metrics("ptb_language_model", "small")
    return (
        f"small, yes: validation {number(small['validation_perplexity'], 1)}, test "
        f"{number(small['test_perplexity'], 1)}; large, {NOT_YET}"
    )


def beyond_truncation():
    lstm = metrics("ptb_language_model", "agreement", cell="lstm")
    return (
        "yes: with a gradient that goes back 50 words, of verbs 50 and more words behind their noun "
        f"{number(lstm['test_agreement_50'], 3)} agree (LSTM)"
    )


def peepholes():
    counted, timed = (
        [metrics("adding_problem", task, cell=cell)[name] for cell in ("peephole", "lstm")]
        for task, name in (("anbn", "test_largest_n"), ("timing", "test_right"))
    )
    return (
        f"to count, yes, in these seeds: a^n b^n up to n = {values(counted[0])}, without them "
        f"{values(counted[1])}; to time, not shown: {values(timed[0], 2)} and {values(timed[1], 2)} of "
        "the spikes right (a value a seed)"
    )


def until_nietzsche_is_coherent():
    long = {n: entry("nietzsche_generation", "lecture", epochs=n) for n in (1, 10, 20)}
    short = metrics("nietzsche_generation", "lecture", epochs=20, limit=100_000)
    found = {n: recorded["metrics"] for n, recorded in long.items()}
    written = {n: percent(of["written_known_words"]) for n, of in found.items()}
    own = percent(found[20]["validation_known_words"])
    return (
        "of the words of four letters and more that its network writes, the text that it learned from "
        f"has {written[1]} after 1 epoch, {written[10]} after 10, {written[20]} after 20 (of its own "
        f"other words {own}): most of it comes before 10; of 100,000 characters, after 20 epochs, "
        f"{percent(short['written_known_words'])}, and {number(short['test_nats'], 2)} nats a "
        f"character, where all {long[20]['data']['characters']:,} come to "
        f"{number(found[20]['test_nats'], 2)} ({seeds(long[20])})"
    )


def grus_are_quicker():
    machines = []
    for name, measured in benchmarks().items():
        speeds = {}
        for row in measured["models"]:
            speeds.setdefault(row["model"], {})[row["cell"]] = row["words_per_second"]
        ratios = ", ".join(f"{of['gru'] / of['lstm']:.2f}" for of in speeds.values())
        machines += [f"{ratios} (machine {name})"] if ratios else []
    ratios = ", ".join(machines)
    adding = [metrics("adding_problem", "compare", cell=cell)["batches"] for cell in ("gru", "lstm")]
    verbs = [
        metrics("ptb_language_model", "agreement", cell=cell, sentences=20_000)["test_agreement_10"]
        for cell in ("gru", "lstm")
    ]
    return (
        f"faster, not always: Keras's GRU trains on {ratios} times the words a second of its LSTM (the "
        "models of the table below); less data, in one task of two: the adding problem at length 25 "
        f"took it {values(adding[0])} batches, the LSTM {values(adding[1])}; of 20,000 sentences, "
        f"verbs 10 to 19 words behind their noun {values(verbs[0], 2)} agree, with the LSTM "
        f"{values(verbs[1], 2)} (a value a seed)"
    )


def learned_initial_states():
    learned, zero = (
        metrics("adding_problem", "anbn", cell="lstm", learned_state=learned)["test_largest_n"]
        for learned in (True, False)
    )
    return (
        f"not shown: a^n b^n up to n = {values(learned)} with a learned initial state, "
        f"{values(zero)} from zeros (a value a seed)"
    )


def layers():
    one, two, three = (
        entry("nietzsche_generation", **settings)
        for settings in ({}, {"layers": 2, "units": 192}, {"layers": 3, "units": 150})
    )
    nats = [number(recorded["metrics"]["test_nats"], 3) for recorded in (one, two, three)]
    return (
        f"not here: on Nietzsche, of equal numbers of weights and epochs, one layer has {nats[0]} nats "
        f"a character ({seeds(one)}), two {nats[1]}, three {nats[2]} ({seeds(two)})"
    )


def gates_fixed():
    hello = metrics("hello_characters")
    exact = max(hello["gates_fixed_apart"]["values"])
    almost = number(hello["gates_fixed_second_tanh_apart"], 2)
    return (
        f"yes: with i = 1, f = 0, o = 1 their states differ by {exact:.0e}; by {almost} where the LSTM "
        "keeps its second tanh"
    )


CLAIMS = [
    ("TF-IDF with logistic regression beats the LSTM on IMDB", LI, tfidf_beats_the_lstm),
    (
        "It takes 20 epochs until Nietzsche is coherent, and a text of 100,000 characters",
        LI,
        until_nietzsche_is_coherent,
    ),
    (
        "The smaller the temperature, the more even the distribution",
        LI,
        "no, by its definition: low sharpens, high flattens (the picture at the top)",
    ),
    ("LSTM or GRU: no clear winner", f"{GRAVES}, {WANG}", lstm_or_gru),
    ("GRUs train faster, or need less data", GRAVES, grus_are_quicker),
    ("A tanh RNN hardly remembers more than 7 steps", JAHREN, tanh_remembers),
    ("Orthogonal and identity starts help", JAHREN, starts),
    ("With the identity start, ReLU solves the adding problem", JAHREN, irnn_adds),
    ("RNNs remember longer than their truncation", JAHREN, beyond_truncation),
    ("A forget-gate bias near 1 helps", JAHREN, forget_bias),
    ("Initial states that are not zero help", GRAVES, learned_initial_states),
    ("The small PTB model comes below 120, the large one below 80", GRAVES, small_ptb),
    ("Reversing the source helps translation", JAHREN, NOT_YET),
    ("Two or three layers, not more", JAHREN, layers),
    ("A plain RNN is an LSTM with its gates fixed", GRAVES, gates_fixed),
    ("Peepholes help to count and to time", GRAVES, peepholes),
]


def claims():
    rows = [(c, lecture, of() if callable(of) else of) for c, lecture, of in CLAIMS]
    return table(["what the slides say", "lecture", "measured"], rows)

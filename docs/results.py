"""Draws the README's tables that have marks around them from the ledger: `make results`.

    <!-- results: claims -->      what stands between the two marks is drawn anew, and is
    <!-- end -->                  not to be changed by hand

Every figure comes out of a file in recipes/results/, which a run wrote (`--record`), or out of
published.json there, with its source.
"""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
LEDGER = ROOT / "recipes/results"

LI = "Jian Li"
GRAVES = "after Graves"
WANG = "Ruixuan Wang"
JAHREN = "Tollef Jahren"
NOT_YET = "not yet measured"


def metrics(recipe, preset="cpu", **settings):
    """The metrics of the one ledger entry with these settings."""
    found = []
    for path in sorted(LEDGER.glob(f"{recipe}-*.json")):
        entry = json.loads(path.read_text(encoding="utf-8"))
        if entry["preset"] == preset and settings.items() <= entry["settings"].items():
            found.append(entry["metrics"])
    if len(found) != 1:
        raise SystemExit(
            f"{recipe}, {preset}, {settings}: {len(found)} entries in {LEDGER}, expected 1"
        )
    return found[0]


def number(metric, digits):
    """Mean ± sample standard deviation, or the figure of a single seed."""
    spread = "" if metric["std"] is None else f" ± {metric['std']:.{digits}f}"
    return f"{metric['mean']:.{digits}f}{spread}"


def values(metric, digits=0):
    return ", ".join(f"{value:.{digits}f}" for value in metric["values"])


def tfidf_beats_the_lstm():
    lecture, cpu = metrics("imdb_sentiment", "lecture"), metrics("imdb_sentiment", pairs=16)
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
        f"in language less: verbs 2 to 9 words behind their noun, "
        f"{number(plain['test_agreement_2'], 3)} agree, a coin; it does learn the adding problem up to "
        f"{values(climbed['test_largest_length'])} steps (three seeds)"
    )


def starts():
    fading = metrics("vanishing_gradients")
    relu, tanh = (
        [
            fading[f"{activation}_{start}_50_back"]["mean"]
            for start in ("glorot", "orthogonal", "identity")
        ]
        for activation in ("relu", "tanh")
    )
    return (
        "of the gradient 50 steps back, with Glorot's, an orthogonal and the identity start, ReLU has "
        f"{relu[0]:.0e}, {relu[1]:.0e} and {relu[2]:.2f}; tanh {tanh[0]:.0e}, {tanh[1]:.0e} and "
        f"{tanh[2]:.0e}: the identity helps ReLU, nothing helps a tanh that saturates"
    )


def irnn_adds():
    climbed = metrics("adding_problem", "compare", cell="irnn")
    return (
        f"not within 2,500 batches: up to {values(climbed['test_largest_length'])} steps (three seeds)"
    )


def forget_bias():
    fading = metrics("vanishing_gradients")
    zero, one = (fading[f"lstm_forget_bias_{bias}_50_back"]["mean"] for bias in (0, 1))
    return f"yes: {one:.0e} of the gradient is left 50 steps back, and {zero:.0e} with a bias of 0"


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
    lstm, peephole = (metrics("adding_problem", "anbn", cell=cell) for cell in ("lstm", "peephole"))
    timed = [
        metrics("adding_problem", "timing", cell=cell)["test_right"] for cell in ("lstm", "peephole")
    ]
    return (
        f"to count, yes: a^n b^n up to n = {values(peephole['test_largest_n'])}, without them "
        f"{values(lstm['test_largest_n'])}; to time, not shown: {values(timed[1], 2)} and "
        f"{values(timed[0], 2)} of the spikes right (three seeds each)"
    )


CLAIMS = [
    ("TF-IDF with logistic regression beats the LSTM on IMDB", LI, tfidf_beats_the_lstm),
    ("It takes 20 epochs until Nietzsche is coherent, and a text of 100,000 characters", LI, NOT_YET),
    (
        "The smaller the temperature, the more even the distribution",
        LI,
        "no, by its definition: low sharpens, high flattens (the picture above)",
    ),
    ("LSTM or GRU: no clear winner", f"{GRAVES}, {WANG}", lstm_or_gru),
    ("GRUs train faster, or need less data", GRAVES, NOT_YET),
    ("A tanh RNN hardly remembers more than 7 steps", JAHREN, tanh_remembers),
    ("Orthogonal and identity starts help", JAHREN, starts),
    ("With the identity start, ReLU solves the adding problem", JAHREN, irnn_adds),
    ("RNNs remember longer than their truncation", JAHREN, beyond_truncation),
    ("A forget-gate bias near 1 helps", JAHREN, forget_bias),
    ("Initial states that are not zero help", GRAVES, NOT_YET),
    ("The small PTB model comes below 120, the large one below 80", GRAVES, small_ptb),
    ("Reversing the source helps translation", JAHREN, NOT_YET),
    ("Two or three layers, not more", JAHREN, NOT_YET),
    ("A plain RNN is an LSTM with its gates fixed", GRAVES, NOT_YET),
    ("Peepholes help to count and to time", GRAVES, peepholes),
]


def claims():
    lines = ["| what the slides say | lecture | measured |", "|---|---|---|"]
    for claim, lecture, finding in CLAIMS:
        lines.append(f"| {claim} | {lecture} | {finding() if callable(finding) else finding} |")
    return "\n".join(lines)


def ours():
    """Rows of this project's figures: task, command, figures."""
    imdb = "IMDB, test accuracy"
    yield imdb, "`imdb_sentiment.py`", number(metrics("imdb_sentiment", pairs=16)["test_accuracy"], 3)
    lecture = metrics("imdb_sentiment", "lecture")["test_accuracy"]
    yield imdb, "`imdb_sentiment.py --preset lecture`", number(lecture, 3)
    for preset in ("small", "cpu"):
        found = metrics("ptb_language_model", preset)
        figures = " / ".join(number(found[f"{part}_perplexity"], 1) for part in ("validation", "test"))
        command = f"`ptb_language_model.py --preset {preset}`"
        yield "Penn Treebank, perplexity, validation / test", command, figures
    found = metrics("image_captioning")
    bleu = " / ".join(number(found[f"test_bleu_{n}"], 1) for n in (1, 2, 3, 4))
    yield "Flickr8k, test, BLEU-1 / 2 / 3 / 4", "`image_captioning.py`, MobileNetV2, 7 x 7", bleu


def published():
    theirs = json.loads((LEDGER / "published.json").read_text(encoding="utf-8"))
    rows = [(*row, "this project") for row in ours()]
    rows += [(r["task"], r["system"], r["figures"], f"[{r['source']}]({r['url']})") for r in theirs]
    lines = ["| task | system | figures | source |", "|---|---|---|---|"]
    for task in dict.fromkeys(row[0] for row in rows):
        lines += [f"| {' | '.join(row)} |" for row in rows if row[0] == task]
    return "\n".join(lines)


TABLES = {"published": published, "claims": claims}
BETWEEN = re.compile(r"(<!-- results: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def drawn(text):
    """The README with its tables drawn anew."""
    marked = [name for _, name, _ in BETWEEN.findall(text)]
    if sorted(marked) != sorted(TABLES):
        raise SystemExit(f"{README}: expected marks for {sorted(TABLES)}, found {sorted(marked)}")
    return BETWEEN.sub(lambda m: f"{m[1]}\n{TABLES[m[2]]()}\n\n{m[3]}", text)


def main():
    before = README.read_text(encoding="utf-8")
    after = drawn(before)
    aside = README.with_suffix(".md.aside")
    aside.write_text(after, encoding="utf-8")
    aside.replace(README)
    print("README.md: " + ("nothing new" if after == before else "tables drawn anew"))


if __name__ == "__main__":
    main()

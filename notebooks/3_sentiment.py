# %% [markdown]
# # Does it praise, or does it damn?
#
# *After Jian Li, "Deep Learning: RNN" (IIS Tsinghua), the example `imdb_lstm.py` and the slides on LSTM and
# bidirectional networks.*
#
# Many to one: a sequence of words goes in, and one number comes out, the probability that a film review is positive.
# The lecture's example remarks that its data set is too small for an LSTM to have an advantage over TF-IDF with
# logistic regression. This notebook asks when that is so.
#
# The reviews here are **generated**, so that nothing needs to be downloaded. There are 4,000 of them, and in them the
# order of words matters ("not a good film", "the plot is weak, but the actors are brilliant"). Section 7 has recorded
# figures of real film reviews, IMDB. The notebook takes some three minutes on two CPU cores.

# %%
# %matplotlib inline
# %config InlineBackend.print_figure_kwargs = {"bbox_inches": None}
import importlib.util
import os
import sys
from pathlib import Path

# The project's folder, from wherever this runs: around the notebook (as Jupyter and VS Code name it),
# around the working folder, or that of the installed rnn_kit.
installed = importlib.util.find_spec("rnn_kit")
notebook = os.environ.get("JPY_SESSION_NAME") or globals().get("__vsc_ipynb_file__")
places = [place for place in (notebook, os.getcwd(), installed and installed.origin) if place]
above = [folder for place in places for folder in Path(place, "_").absolute().parents]
root = next((folder for folder in above if (folder / "recipes/recipe_kit").is_dir()), None)
if root is None:
    raise FileNotFoundError(
        f"The project's folder, the one with recipes/ in it, is not around {os.getcwd()}. Put the line "
        "%cd path/to/that/folder at the top of this cell, and run it again."
    )
sys.path[:0] = [str(root), str(root / "recipes"), str(root / "docs")]

# %%
import contextlib
import dataclasses
import functools
import io
from typing import NamedTuple

import recipe_kit.quiet_tensorflow  # noqa: F401  TensorFlow, without the lines that it prints as it starts
import keras
import numpy as np
from results_parts.ledger import metrics, number  # what recorded runs came to

import imdb_sentiment as recipe
import rnn_kit
from parts.imdb_sentiment import baseline, comparison
from recipe_kit import cli, figures
from recipe_kit.datasets import review_grammar as grammar
from recipe_kit.runs import Run
from rnn_kit.inspection import states_over_time
from rnn_kit.text import tokenize

# %% [markdown]
# The next cell says what is trained: the lecture's LSTM, made small. It differs in two things that make it faster: a
# mask leaves out the padding, and there is no dropout between the states. **For real reviews, change `data` to**
# `"imdb"` (which is downloaded; with `recipe.PRESETS["compare"]` as it is, training takes half an hour), **or to a CSV
# file of your own** with the columns `text` and `label`. The second question of section 4 needs the generated reviews,
# whose rules are known.

# %% tags=["parameters"] smoke="RATES, SEEDS, lecture, PASSES = RATES[:1], SEEDS[:2], dataclasses.replace(lecture, limit=60, epochs=1, units=4), 1"
RATES, SEEDS = (0.01, 0.03), (0, 1, 2)  # learning rates to choose from; and more than one seed
PASSES = 4  # over the reviews, in section 4's second question

lecture = dataclasses.replace(
    recipe.PRESETS["compare"],  # one direction, judged by the last state
    data="generated",
    words=1000,
    units=32,
    embedding=32,
    embedding_std=None,
    word_dropout=0.0,
    embedding_dropout=0.0,
    dropout=0.2,
    output_dropout=0.0,
    batch_size=128,
    epochs=6,
)

# %% [markdown]
# ## 1 Words, and their vectors
#
# A review is **tokenized** (分词) into words. Each word becomes a number, and frequent words have small ones: 0 is
# padding, 1 the start, 2 an **unknown word** (未登录词), 3 and more are words. (A slide says that 0 stands for unknown
# words. In Keras's data, as here, it does not.) An **embedding** (嵌入) gives every number a vector, which is learned.

# %%
keras.utils.set_random_seed(lecture.seed)
data = recipe.load_data(lecture)
print(
    f"{len(data.train):,} reviews to train on, {len(data.validation):,} to validate on, "
    f"{len(data.test):,} held out; {data.vocabulary.size:,} words"
)
for n in range(3):
    ids = data.train.sequences[n]
    print(f"\n{data.classes[data.train.labels[n]]}: {' '.join(data.vocabulary.decode(ids[1:]))}")
    print(ids)

# %% [markdown]
# ## 2 One step of an LSTM
#
# **Long short-term memory** (长短期记忆) keeps a cell $C_t$ beside its output $h_t$. Three **gates** (门) control it. The
# **forget gate** $f_t$ (忘记门) says how much of the cell is kept, the input gate $i_t$ (in the notes the update gate,
# 更新门) how much of the new candidate comes in, and the output gate $o_t$ how much of the cell is shown:
#
# $$\begin{aligned}
# f_t &= \sigma(W_f [h_{t-1}, x_t] + b_f) \\
# i_t &= \sigma(W_i [h_{t-1}, x_t] + b_i) \qquad \tilde C_t = \tanh(W_C [h_{t-1}, x_t] + b_C) \\
# C_t &= f_t * C_{t-1} + i_t * \tilde C_t \\
# o_t &= \sigma(W_o [h_{t-1}, x_t] + b_o) \qquad h_t = o_t * \tanh(C_t)
# \end{aligned}$$
#
# The next cell is the equation in NumPy, for one step from a random state, and compares it with this kit's layer. The
# layer has **peephole connections** (偷窥孔连接), by which the gates see the cell too. They start at zero, and with zeros
# the layer is the LSTM above.

# %%
layer = rnn_kit.layers.PeepholeLSTM(4)
rng = np.random.default_rng(0)
x_t, h_tm1, c_tm1 = rng.normal(size=3), rng.normal(size=4), rng.normal(size=4)
layer.build((1, None, 3))
W_x, W_h, peepholes, b = layer.get_weights()  # blocks in the order i, f, C, o


def sigma(a):
    return 1 / (1 + np.exp(-a))


a_i, a_f, a_c, a_o = np.split(x_t @ W_x + h_tm1 @ W_h + b, 4)
f_t, i_t = sigma(a_f), sigma(a_i)
c_t = f_t * c_tm1 + i_t * np.tanh(a_c)
h_t = sigma(a_o) * np.tanh(c_t)

as_floats = [v[None].astype("float32") for v in (x_t, h_tm1, c_tm1)]
theirs, _ = layer.cell(as_floats[0], as_floats[1:])
print("by the equations:", h_t.round(6))
print("by the layer:    ", theirs.numpy()[0].round(6))

# %% [markdown]
# ## 3 The lecture's network
#
# It reads the last 80 words, and judges by the last state alone: $p = \sigma(w \cdot h_T + b)$. The loss is the
# binary cross entropy, $-\frac{1}{N} \sum_n [y_n \ln p_n + (1 - y_n) \ln(1 - p_n)]$. In plain Keras:


# %% tags=["plain-keras"]
def padded(reviews):
    return keras.utils.pad_sequences(reviews.sequences, maxlen=80)  # at the front, with 0


keras.utils.set_random_seed(lecture.seed)
plain = keras.Sequential(
    [
        keras.layers.Embedding(data.vocabulary.size, 32, mask_zero=True),
        keras.layers.LSTM(32),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
)
plain.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
plain.fit(padded(data.train), data.train.labels, batch_size=128, epochs=6, verbose=0)
right = plain.evaluate(padded(data.validation), data.validation.labels, verbose=0)[1]
print(f"{right:.1%} of {len(data.validation)} reviews that it has not learned from are judged right")

# %% [markdown]
# The recipe trains the same network, with some dropout before the last layer, and keeps the weights of the epoch that
# is best on the reviews set aside for **validation** (验证).
#
# How well a network learns depends on the **learning rate** (学习率), and the best one differs from network to network.
# So this notebook trains each network with two learning rates, and chooses the one that is better on validation. Then
# it trains with three seeds, each with other weights at the start, another order of the reviews, and another tenth of
# them for validation: what one seed wins, the next may lose. (If the better rate is the highest that was tried, a higher
# one may be better still: add it to `RATES`.)


# %%
class Outcome(NamedTuple):
    validation: tuple  # accuracy, and where it is equal, minus the loss
    test: float
    history: list
    model: keras.Model


def train(settings, rate, seed):
    """Trains one network with the recipe, and keeps the weights of the epoch that validation likes best."""
    settings = dataclasses.replace(settings, learning_rate=rate, seed=seed)
    keras.utils.set_random_seed(seed)
    reviews = recipe.load_data(settings)
    run = Run.temporary(recipe.RECIPE, settings, reviews.info)
    with contextlib.redirect_stdout(io.StringIO()):
        model, _ = recipe.train(settings, reviews, run)
    best = max(run.history(), key=lambda row: row["val_accuracy"])
    p = recipe.evaluate(model, settings, reviews.vocabulary, reviews.test.sequences)
    test = recipe.accuracy(p, reviews.test.labels)
    return Outcome((best["val_accuracy"], -best["val_loss"]), test, run.history(), model)


def report(name, weights, found):
    """A line of each learning rate, on validation, and of the held-out part with the best of them."""
    tried = ", ".join(f"{rate:g}: {run.validation[0]:.3f}" for rate, run in found.tried.items())
    print(f"{name}: {weights:,} weights that are not words' vectors")
    print(f"    on validation, by learning rate  {tried}")
    print(f"    held out, with {found.rate:g}  " + "  ".join(f"{run.test:.3f}" for run in found.runs))


one_way = cli.at_its_best_rate(functools.partial(train, lecture), RATES, SEEDS)
its_weights = comparison.beside_the_embedding(one_way.runs[0].model)
report("the lecture's LSTM", its_weights, one_way)

# %% [markdown]
# ## 4 In both directions
#
# A **bidirectional** (双向) network reads forward and backward, each direction with weights of its own, and sees
# at every word what comes after it too:
#
# $$\overrightarrow h_t = f(\overrightarrow W x_t + \overrightarrow V \overrightarrow h_{t-1}) \qquad
#   \overleftarrow h_t = f(\overleftarrow W x_t + \overleftarrow V \overleftarrow h_{t+1}) \qquad
#   h_t = [\overrightarrow h_t, \overleftarrow h_t]$$
#
# Is it better? That depends on what is asked. **The first question** is that of section 3: what does the review say, as
# a whole? The network is the same LSTM in two directions, and judges by the last state of each. It has fewer units, so
# that the number of weights is the same. Nothing else is changed.

# %%
both_units = comparison.equal_units(lecture, recipe.build_model, bidirectional=True)
both = dataclasses.replace(lecture, bidirectional=True, units=both_units)
two_ways = cli.at_its_best_rate(functools.partial(train, both), RATES, SEEDS)
report(
    f"in both directions, {both_units} units each",
    comparison.beside_the_embedding(two_ways.runs[0].model),
    two_ways,
)
verdicts = {"one direction": one_way, "both directions": two_ways}
held_out = {name: [run.test for run in found.runs] for name, found in verdicts.items()}
print()
print(
    cli.difference(held_out["both directions"], held_out["one direction"]).verdict(*reversed(held_out))
)

# %%
histories = {name: found.runs[0].history for name, found in verdicts.items()}
figures.accuracy_curves(histories, f"{data.info['name']}: what does the review say?")

# %% [markdown]
# The last line before the picture is the verdict, by Welch's t-test of three seeds against three. There is a reason
# not to expect much: at the last word the forward network has read everything that the other one has.
#
# **The second question** is asked at each word that is an opinion ("dull", "gem", "love"): does it point to what the
# review says, or does it mislead? In "the acting is superb, but the film is a bore", "superb" misleads, and only a
# reader who has read on can know. This is **many to many** (多对多), an answer at every word, of which the loss counts
# those at opinions. (It takes the reviews of up to 32 words. Here the seeds change the weights at the start and the
# order, but not which reviews validate.)


# %%
def opinions(side):
    """The words that are an opinion, 0 for a negative one, 1 for a positive one."""
    nouns = [noun.removeprefix("a ").removeprefix("little ").split()[0] for noun in grammar.NOUNS[side]]
    return [*grammar.ADJECTIVES[side], *grammar.VERBS[side], *nouns]


sides = np.full(data.vocabulary.size, -1)
for side in (0, 1):
    known = [data.vocabulary.id_of(word) for word in opinions(side)]
    sides[[number for number in known if number is not None and number < len(sides)]] = side


def lessons(part, longest=32):
    """Of reviews that are not longer: ids, whether each word points to the verdict, and where to ask."""
    part = part.take(np.flatnonzero(part.lengths <= longest))
    ids = np.zeros((len(part), longest), "int32")
    for row, sequence in zip(ids, part.sequences, strict=True):
        row[: len(sequence)] = sequence
    said = sides[ids]
    return (
        ids,
        (said == part.labels[:, None])[..., None].astype("float32"),
        (said >= 0).astype("float32"),
    )


def build_pointing(settings):
    """Ids `(B, T)` to the probability that each word points to the verdict, `(B, T, 1)`."""
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(data.vocabulary.size, settings.embedding)(ids)
    layer = keras.layers.LSTM(settings.units, return_sequences=True)
    h = (keras.layers.Bidirectional(layer) if settings.bidirectional else layer)(x)
    return keras.Model(ids, keras.layers.Dense(1, activation="sigmoid")(h))


taught, checked, asked = map(lessons, (data.train, data.validation, data.test))


def share_right(p, part):
    _, points, where = part
    return float(((p > 0.5) == points)[where > 0].mean())


def train_pointing(settings, rate, seed):
    """Trains one network, with the weights of the pass that validation likes best."""
    keras.utils.set_random_seed(seed)
    model = build_pointing(settings)
    model.compile(keras.optimizers.Adam(rate), "binary_crossentropy")
    passes = []
    for _ in range(PASSES):
        model.fit(taught[0], taught[1], lecture.batch_size, sample_weight=taught[2], verbose=0)
        right = share_right(model.predict(checked[0], verbose=0), checked)
        passes.append(((right,), model.get_weights()))
    (validation, weights) = max(passes, key=lambda one: one[0])
    model.set_weights(weights)
    test = share_right(model.predict(asked[0], verbose=0), asked)
    return Outcome(validation, test, [], model)


_, points, where = asked
print(f"{where.sum():,.0f} opinions in {len(where):,} held-out reviews; ", end="")
print(
    f"{points[where > 0].mean():.3f} of them point to the verdict, the score of always answering yes\n"
)
pointing = {}
for name, settings in {"one direction": lecture, "both directions": both}.items():
    pointing[name] = cli.at_its_best_rate(functools.partial(train_pointing, settings), RATES, SEEDS)
    report(name, comparison.beside_the_embedding(pointing[name].runs[0].model), pointing[name])
right = {name: [run.test for run in found.runs] for name, found in pointing.items()}
print()
print(cli.difference(right["both directions"], right["one direction"]).verdict(*reversed(right)))

# %%
rows = {f"the verdict, {name}": values for name, values in held_out.items()}
rows |= {f"each opinion, {name}": values for name, values in right.items()}
figures.comparison(rows, "two questions, two networks of equal size", "share right, held out")

# %% [markdown]
# **Write a sentence of your own** in the words of these reviews. For each opinion in it, the next cell prints how
# sure each network is that it points to what the review says. (The forward network may change its mind later, but its
# answers cannot be taken back.)

# %%
sentence = "the acting is superb but the film is a bore my sister called it a gem she was wrong"

words = tokenize(sentence)
ids = np.array([[1, *(data.vocabulary.id_of(word) or 2 for word in words)]])
p = {name: found.runs[0].model.predict(ids, verbose=0)[0, 1:, 0] for name, found in pointing.items()}
print(f"{'':12}" + "".join(f"{name:>18}" for name in p))
for n, word in enumerate(words):
    if ids[0, n + 1] < len(sides) and sides[ids[0, n + 1]] >= 0:
        print(f"{word:12}" + "".join(f"{values[n]:18.2f}" for values in p.values()))

# %% [markdown]
# ## 5 Against counting words
#
# Back to the first question. TF-IDF counts the words of a review, gives rare words more weight, and forgets the order.
# Logistic regression learns from these counts. With pairs of words it sees "not a" and "no triumph". Each seed has the
# training reviews that the networks had with that seed, and the held-out reviews are the same for all.

# %%
counting = {}
for seed in SEEDS:
    reviews = recipe.load_data(dataclasses.replace(lecture, seed=seed))
    for name, fitted in baseline.fit(reviews).items():
        counting.setdefault(name, []).append(recipe.accuracy(fitted.test, reviews.test.labels))
for name, values in (held_out | counting).items():
    print(f"{name:30} {np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}")
print()
for name, values in counting.items():
    print(cli.difference(held_out["one direction"], values).verdict("the lecture's LSTM", name))

# %% [markdown]
# In these reviews a single word often misleads: "dull" is in many reviews that praise ("not a dull film"). So a model
# that keeps the order of words has something to gain. Real reviews are different, as section 7 shows.
#
# ## 6 How an opinion forms
#
# The picture shows, after each word, the probability that the review is positive, as if it ended there. **Write a
# review of your own**, in the words of the generated reviews. Words that the network has never seen are grey, in
# brackets:

# %% tags=["picture"]
review = (
    "this is not a dull film the script is gripping but the music is a bore it is far from a triumph"
)

lectures_model = one_way.runs[0].model
opinion_of = recipe.opinion_of(lectures_model, lecture, data.vocabulary)
opinion = opinion_of(tokenize(review))
figures.opinion_traces([opinion.trace(opinion.verdict(data.classes))], classes=data.classes)

# %% [markdown]
# The next picture shows its forget gates on the way. Each row is a cell, each column a word, and white means that the
# cell keeps what it has.

# %%
words = tokenize(review)
ids = np.array([[1, *(data.vocabulary.id_of(word) or 2 for word in words)]])
gates = states_over_time(lectures_model, ids).gates["forget"][0, 1:]
figure = figures.Figure(figsize=(11, 3.6), dpi=120, layout="constrained")
axes = figure.subplots()
image = axes.imshow(gates.T, aspect="auto", cmap="gray", vmin=0, vmax=1)
axes.set_xticks(range(len(words)), words, rotation=60, ha="right", rotation_mode="anchor")
axes.set_ylabel("cell")
figure.colorbar(image, label="forget gate")
figure

# %% [markdown]
# ## 7 On real reviews
#
# These are the accuracies of recorded runs on **IMDB**, each with the command that repeats it: 22,500 reviews to train on,
# 2,500 to choose on, 25,000 held out.

# %%
lectures, cpu = (
    metrics("imdb_sentiment", "lecture"),
    metrics("imdb_sentiment"),
)
for name, metric in {
    "imdb_sentiment.py --preset lecture": lectures["test_accuracy"],
    "imdb_sentiment.py --seeds 0 1 2 --baseline": cpu["test_accuracy"],
    "    TF-IDF of words": cpu["test_accuracy_tfidf"],
    "    TF-IDF of words and pairs": cpu["test_accuracy_tfidf_with_pairs"],
}.items():
    print(f"{name:45} {number(metric, 3)}")

# %% [markdown]
# So the lecture's remark holds for its own network. The recipe's `cpu` preset, the second line, does better than
# TF-IDF of words, and as well as TF-IDF of words and pairs. It differs from the lecture's network in many things at
# once: it reads five times as much of a review, is a GRU in both directions, pools all its states, reads pairs of words,
# and has other learning rates. These figures do not say which of these matters.
#
# ## Exercises
#
# **1.** The lecture's listing pads its reviews at the front, and its network reads the padding. Why not pad at the end?
#
# <details><summary>Answer</summary>
#
# The network judges by its last state. With padding at the end, it would have to keep its opinion of a short review
# over 60 steps of padding. At the front, the padding comes before there is anything to forget. (The slide says that
# padding goes "at the end"; `pad_sequences` pads at the front by default. With a mask, as in the networks of this
# notebook, padding is not read at all.)
#
# </details>
#
# **2.** Write a review above in which a "but" turns the opinion round. At which word does the curve turn: at
# "but", or after it?
#
# <details><summary>Answer</summary>
#
# In the picture above the curve falls at "but", comes back at the next word, and turns for good at "bore". The network
# has learned that what comes before a "but" does not count. The picture of the gates shows how: at "but" the forget
# gates of many cells are black, and these cells drop what they had. The verdict of the second half is known only at
# its opinion, "bore". A backward layer would know it at "but", but this picture shows what a network makes of the words
# up to each point.
#
# </details>
#
# **3.** How many weights has an LSTM of $n$ units on vectors of $d$ numbers, and how many a plain RNN? (A slide
# says "three times more parameters than RNN".)
#
# <details><summary>Answer</summary>
#
# The plain RNN has $n(n + d + 1)$. The LSTM has as many for each of its three gates and for the candidate: four times as
# many, which is three times *more*. Peepholes add $3n$.
#
# </details>

# %% [markdown]
# # Does it praise, or does it damn?
#
# *After Jian Li, "Deep Learning: RNN" (IIS Tsinghua), the example `imdb_lstm.py` and the slides on LSTM and
# bidirectional networks.*
#
# Many to one: a sequence of words goes in, one number comes out, the probability that a film review is
# positive. The lecture's example says of itself that its data are too few for an LSTM to be of any advantage
# over TF-IDF and logistic regression. This notebook asks when that is so.
#
# The reviews here are **generated**, so that nothing needs to be downloaded: 4,000 of them, made up in
# such a way that the order of words matters ("not a good film", "the plot is weak, but the actors are
# brilliant"). At the end stand the figures of real film reviews, IMDB, as recorded runs of the recipe came to
# them. It takes two minutes or so on two CPU cores.

# %%
# %matplotlib inline
# %config InlineBackend.print_figure_kwargs = {"bbox_inches": None}
import dataclasses
import sys

sys.path[:0] = ["../recipes", "../docs"]  # this notebook calls the recipe; it copies nothing from it

import quietly  # noqa: F401  TensorFlow, without the lines that it prints as it starts
import imdb_sentiment as recipe
import keras
import numpy as np
from imdb_sentiment_parts import baseline
from results_parts.ledger import metrics, number  # what recorded runs came to

import rnn_kit
from rnn_kit import plots
from rnn_kit.inspection import states_over_time
from rnn_kit.runs import Run
from rnn_kit.text import cut_words

# %% [markdown]
# The next cell says what is trained. **For real reviews, change `data` to** `"imdb"` (which is downloaded;
# with `recipe.PRESETS["lecture"]` and `recipe.PRESETS["cpu"]` as they are, it takes half an hour), **or to a
# CSV file of your own** with the columns `text` and `label`.

# %% tags=["parameters"] smoke="lecture, ours = (dataclasses.replace(s, limit=60, epochs=2, units=8, embedding=8) for s in (lecture, ours))"
sizes = {"data": "generated", "words": 1000, "epochs": 12, "units": 32, "embedding": 32}

lecture = dataclasses.replace(recipe.PRESETS["lecture"], **sizes)
ours = dataclasses.replace(recipe.PRESETS["smoke"], **sizes)

# %% [markdown]
# ## 1 Words, and their vectors
#
# A review is **tokenized** (分词) into words, and each word becomes its number, by how frequent it is: 0 is
# padding, 1 the start, 2 an **unknown word** (未登录词). (A slide says that 0 stands for unknown words. In
# Keras's data, as here, it does not.) An **embedding** (嵌入) gives every number a vector, which is learned.

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
# **Long short-term memory** (长短期记忆) keeps a cell $C_t$ beside its output $h_t$. Three **gates** (门) say how much of it is kept (the **forget gate**, 忘记门, $f_t$), how much of the new candidate comes in (the input gate,
# $i_t$, in the notes the update gate, 更新门), and how much is shown (the output gate, $o_t$):
#
# $$\begin{aligned}
# f_t &= \sigma(W_f [h_{t-1}, x_t] + b_f) \\
# i_t &= \sigma(W_i [h_{t-1}, x_t] + b_i) \qquad \tilde C_t = \tanh(W_C [h_{t-1}, x_t] + b_C) \\
# C_t &= f_t * C_{t-1} + i_t * \tilde C_t \\
# o_t &= \sigma(W_o [h_{t-1}, x_t] + b_o) \qquad h_t = o_t * \tanh(C_t)
# \end{aligned}$$
#
# The code that is the equation, for one step from a random state, beside the layer of this kit. Its
# **peephole connections** (偷窥孔连接), by which the gates see the cell too, start at zero: without them, says the lecture,
# it is the LSTM above.

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
# It reads the last 80 words, padded at the front to 80, and judges by the last state alone:
# $p = \sigma(w \cdot h_T + b)$. The loss is the binary cross entropy,
# $-\frac{1}{N} \sum_n [y_n \ln p_n + (1 - y_n) \ln(1 - p_n)]$.


# %%
def learn(settings):
    """Trains one network with the recipe. Returns its history, and the model of its best epoch."""
    keras.utils.set_random_seed(settings.seed)
    run = Run.temporary(recipe.RECIPE, settings, data.info)
    model, _ = recipe.train(settings, data, run)
    return run.history(), model


lectures_history, lectures_model = learn(lecture)

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
# Here it is a GRU, and not the last state alone has a say, but of each unit its maximum and its mean over the
# whole review; beside them stands a bag of the pairs of neighbouring words. That is the network of the recipe's
# `cpu` preset, small, with the rates of its `smoke` preset, which is for these reviews.

# %%
our_history, our_model = learn(ours)

# %%
plots.accuracy_curves(
    {"the lecture's LSTM": lectures_history, "both directions": our_history}, data.info["name"]
)

# %% [markdown]
# ## 5 Against counting words
#
# TF-IDF counts the words of a review, rare ones with more weight, and forgets their order; logistic regression
# learns from that. With pairs of words it sees "not a" and "no triumph". The networks are those of the epoch
# that was best on the validation reviews; the held-out ones are read here, once:

# %%
labels = data.test.labels
found = {
    "the lecture's LSTM": recipe.evaluate(
        lectures_model, lecture, data.vocabulary, data.test.sequences
    ),
    "both directions": recipe.evaluate(our_model, ours, data.vocabulary, data.test.sequences),
}
found |= {f"{name}, logistic": fitted.test for name, fitted in baseline.fit(data).items()}
for name, p in found.items():
    print(f"{name:30} {recipe.accuracy(p, labels):.3f}")

# %% [markdown]
# In these reviews a word alone often misleads: "dull" is in many of those that praise ("not dull"). So what keeps the order is ahead of what only counts. In real reviews it is less so, as
# section 7 shows.
#
# ## 6 How an opinion forms
#
# After each word, the probability if the review ended there. **Write a review of your own**, in the words
# that this network knows, those of the generated reviews. What it has never seen is grey, in brackets:

# %% tags=["picture"]
review = (
    "this is not a dull film the script is gripping but the music is a bore it is far from a triumph"
)

opinion_of = recipe.opinion_of(our_model, ours, data.vocabulary)
opinion = opinion_of(cut_words(review))
plots.opinion_traces([opinion.trace(opinion.verdict(data.classes))], classes=data.classes)

# %% [markdown]
# And what the lecture's LSTM does on the way. Each row is a cell, each column a word: the forget gate, white
# where the cell keeps what it has.

# %%
words = cut_words(review)
ids = np.array([[1, *(data.vocabulary.id_of(word) or 2 for word in words)]])
gates = states_over_time(lectures_model, ids).gates["forget"][0, 1:]
figure = plots.Figure(figsize=(11, 3.6), dpi=120, layout="constrained")
axes = figure.subplots()
image = axes.imshow(gates.T, aspect="auto", cmap="gray", vmin=0, vmax=1)
axes.set_xticks(range(len(words)), words, rotation=60, ha="right", rotation_mode="anchor")
axes.set_ylabel("cell")
figure.colorbar(image, label="forget gate")
figure

# %% [markdown]
# ## 7 On real reviews
#
# Recorded runs on **IMDB**: 22,500 reviews to train on, 2,500 to choose on, 25,000 held out. Read from the
# project's ledger, with the commands that repeat them.

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
# So the lecture's remark holds for its own network. What reads more of each review, in both directions, does
# better than TF-IDF of words, and as well as TF-IDF of words and pairs.
#
# ## Exercises
#
# **1.** The lecture's network is padded at the front, and reads the padding. Why not at the end, where it is
# easier?
#
# <details><summary>Answer</summary>
#
# It judges by its last state. With the padding at the end, a short review would be followed by 60 steps of padding before it is judged, over which the network would have to keep its opinion. At the front, it comes
# before there is anything to forget. (The slide says that padding goes "at the end"; `pad_sequences` pads at the
# front by default. With a mask, as in the second network, padding is not read at all.)
#
# </details>
#
# **2.** Write a review above in which a "but" turns the opinion round. At which word does the curve turn: at
# "but", or after it?
#
# <details><summary>Answer</summary>
#
# Not at "but" itself, which tells that something else is coming, and not what. In the picture above not even "bore"
# turns it, after "gripping"; "far from a triumph" does. A backward layer would know, but after word $t$ this picture shows what the network makes of
# the words up to $t$ and nothing else.
#
# </details>
#
# **3.** How many weights has an LSTM of $n$ units on vectors of $d$ numbers, and how many a plain RNN? (A slide
# says "three times more parameters than RNN".)
#
# <details><summary>Answer</summary>
#
# The plain RNN has $n(n + d + 1)$, the LSTM four of them: three gates and the candidate. Four times as many,
# which is three times *more*. Peepholes add $3n$.
#
# </details>

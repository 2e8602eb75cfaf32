# %% [markdown]
# # A picture goes in, a sentence comes out
#
# *After Jian Li, "Deep Learning: RNN" (IIS Tsinghua), "Application – Image Captioning", which shows the model of
# Karpathy and Li (2015); attention after Xu et al. (2015, arXiv:1502.03044).*
#
# One to many: a convolutional network sees a picture (parameter sharing in space, 在空间上共享参数), and a **recurrent
# neural network** (循环神经网络) says what is in it, word by word (parameter sharing in time, 在时间上共享参数). Whether
# such a sentence is *good* is hard to measure. Whether it is *true* is easy, for a picture that one has drawn oneself.
#
# So the pictures here are **drawn**: circles, squares and triangles, with sentences about their colours, sizes and
# places. Nothing needs to be downloaded. Section 7 has recorded figures of real photos, Flickr8k. The notebook takes
# five to ten minutes on two CPU cores.

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
import dataclasses

import recipe_kit.quiet_tensorflow  # noqa: F401  TensorFlow, without the lines that it prints as it starts
import keras
import numpy as np
from results_parts.ledger import metrics, number  # what recorded runs came to

import image_captioning as recipe
from parts.image_captioning import evaluation, run_figures
from parts.image_captioning.captioner import Captioner
from recipe_kit import figures
from recipe_kit.datasets import is_true
from recipe_kit.runs import Run
from recipe_kit.sentence_writer import SentenceWriter

# %% [markdown]
# The next cell says what is trained. **For photos, change `settings` to** `dataclasses.replace(recipe.PRESETS["cpu"],
# data="my_folder")`, a folder of pictures with a `captions.csv`. Leave out the cells of section 3 in plain Keras, and
# stop after the training: the rest asks whether sentences are true, which nobody knows of photos. The command line
# takes photos from beginning to end: `image_captioning.py --data my_folder`.

# %% tags=["parameters"] smoke="settings, networks = recipe.PRESETS['smoke'], {name: {'epochs': 2} for name in networks}"
settings = dataclasses.replace(recipe.PRESETS["shapes"], pictures=6000)
networks = {  # of about as many weights; and epochs, as the slower learner needs them
    "merge": {"units": 182, "epochs": 14},
    "attention": {"units": 128, "epochs": 4},
}

# %% [markdown]
# ## 1 Pictures, and what is said of them

# %%
held = recipe.load_data(settings)
print(
    f"{len(held.train):,} pictures to train on, {len(held.validation):,} to validate on, "
    f"{len(held.test):,} held out; {len(held.vocabulary)} words: {' '.join(held.vocabulary.tokens)}"
)
figures.caption_grid(
    [
        {
            "image": run_figures.image_of(held.train, n),
            "name": held.train.names[n],
            "caption": " ".join(held.train.words[n][0]),
            "reference": " ".join(held.train.words[n][-1]),
            "label": "",
        }
        for n in range(4)
    ],
    "two sentences about each picture",
)

# %% [markdown]
# ## 2 Two ways for the picture to come in
#
# The lecture's formula, for a network that sees a picture $v$ beside every word $x_t$:
#
# $$h_t = \tanh(W_{xh} x_t + W_{hh} h_{t-1} + W_{ih} v)$$
#
# `decoder="merge"` does this, with an LSTM (长短期记忆) in place of the tanh: at every step it reads the whole picture as
# one vector. **Attention** (`decoder="attention"`) has a vector for each cell of a grid, $a_1 \dots a_{16}$. Before
# each word it takes a mean of these vectors, with weights that it computes anew:
#
# $$e_{ti} = f(a_i, h_{t-1}) \qquad \alpha_{ti} = \frac{\exp e_{ti}}{\sum_k \exp e_{tk}} \qquad
#   z_t = \sum_i \alpha_{ti} a_i$$
#
# The next cell is these equations in NumPy, on random numbers. The weights are positive and add up to one:

# %%
rng = np.random.default_rng(0)
e_t, a = rng.normal(size=16), rng.normal(size=(16, 3))
alpha_t = np.exp(e_t) / np.exp(e_t).sum()
z_t = alpha_t @ a
print("the weights add up to", alpha_t.sum().round(6))
print("z_t lies within the cells:", bool((a.min(axis=0) < z_t).all() and (z_t < a.max(axis=0)).all()))

# %% [markdown]
# The recipe's network has both, and two more ways to let a picture in. This is how it describes itself:

# %%
print(Captioner.__doc__.split("Args:")[0].rstrip())

# %% [markdown]
# ## 3 It learns to say what it sees
#
# The loss is $-\ln p$ of each word, given the picture and the words before it. For the network with the whole picture
# at every step, a lesson is a picture, the words of a sentence, and the word that follows each. 0 pads short sentences:

# %%
steps = settings.length + 1  # of the longest sentence, with its end


def lessons(part):
    """Pictures and the words of one sentence about each; and the word that follows each of these."""
    said = [held.vocabulary.encode(["<eos>", *of[0], "<eos>"]) + 1 for of in part.words]
    ids = keras.utils.pad_sequences(said, steps + 1, padding="post")
    return (part.images["pixels"], ids[:, :-1]), ids[:, 1:]


# %% [markdown]
# In plain Keras, with the functional API:

# %% tags=["plain-keras"]
keras.utils.set_random_seed(settings.seed)
image, words = keras.Input(held.image_shapes["pixels"]), keras.Input((steps,), dtype="int32")
v = keras.layers.Rescaling(1 / 255)(image)
for filters in (16, 32, 64):
    v = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(v)
    v = keras.layers.MaxPooling2D()(v)
v = keras.layers.Dense(128)(keras.layers.Flatten()(v))
x = keras.layers.Embedding(len(held.vocabulary) + 1, 128, mask_zero=True)(words)
x_and_v = keras.layers.Concatenate()([x, keras.layers.RepeatVector(steps)(v)])
h = keras.layers.LSTM(182, return_sequences=True)(x_and_v)
p = keras.layers.Dense(len(held.vocabulary) + 1, activation="softmax")(h)
plain = keras.Model([image, words], p)
plain.compile(keras.optimizers.Adam(0.002), "sparse_categorical_crossentropy")
plain.fit(*lessons(held.train), batch_size=64, epochs=2, verbose=0)
nats = plain.evaluate(*lessons(held.validation), verbose=0)
print(
    f"it chooses each word as if among {np.exp(nats):.1f} equally likely ones, of {len(held.vocabulary)}"
)

# %% [markdown]
# The recipe's `merge` is this network, with batch normalization between the convolutions. It learns from all sentences
# about a picture, where this cell takes the first, and writes sentences, which section 4 explains.
#
# After each epoch the recipe prints sentences about three of the validation pictures. `val_truth` is the share of
# sentences that are true. The two networks have about as many weights (section 6 prints them), and the same learning
# rate, which falls to zero along half a cosine. `merge` gets more epochs, since it learns more slowly.

# %%
models, histories = {}, {}
for decoder, its_own in networks.items():
    its_settings = dataclasses.replace(settings, decoder=decoder, **its_own)
    keras.utils.set_random_seed(settings.seed)
    run = Run.temporary(recipe.RECIPE, its_settings, held.info)
    models[decoder] = recipe.train(its_settings, held, run)
    histories[decoder] = run.history()
    print()

# %%
figure = figures.Figure(figsize=(6.4, 3.6), dpi=120, layout="constrained")
axes = figure.subplots()
for (decoder, history), color in zip(histories.items(), figures.COLORS, strict=False):
    axes.plot([r["epoch"] for r in history], [r["val_truth"] for r in history], "o-", color=color)
    axes.annotate(f" {decoder}", (history[-1]["epoch"], history[-1]["val_truth"]), color=color)
axes.set(xlabel="epoch", ylabel="share of sentences that are true", ylim=(0, 1.05))
axes.set_xticks(range(1, 1 + max(map(len, histories.values()))))
axes.margins(x=0.2)
axes.spines[["top", "right"]].set_visible(False)
figure

# %% [markdown]
# Both curves end flat, where the learning rate has fallen to zero. Had `merge` stopped after as many epochs as
# attention, it would look like a network that cannot learn this. It can, and takes longer.
#
# ## 4 Writing: the likeliest word, or the likeliest sentence
#
# To write is to search for the sentence with the largest $\ln p$. One way is to take the likeliest word each time. A
# **beam search** keeps several beginnings side by side, and compares whole sentences by $\ln p / \text{length}^{0.7}$.
# (Every word makes $p$ smaller, and without the division short sentences would always win.) **Change the picture, or
# the width of the beam:**

# %%
picture, width = 3, 3

writer = SentenceWriter(models["attention"], held.vocabulary, settings.length)
row = {name: values[picture : picture + 1] for name, values in held.test.images.items()}
found = writer.beam(row, width)[0]
scene = held.test.scenes[picture]
for sentence in found:
    said = " ".join(sentence.words)
    print(
        f"{-sentence.per_word:6.3f} nats a word  {'true    ' if is_true(scene, said) else 'not true'}  {said}"
    )
figures.captioned(
    run_figures.image_of(held.test, picture),
    [(" ".join(s.words), f"{-s.per_word:.2f} nats a word") for s in found],
)

# %% [markdown]
# ## 5 Where it looks
#
# These are the weights $\alpha_{ti}$ before each word of the best sentence. Nobody told the network where things are; it
# learned from sentences alone. The grid has four rows and four columns, so it cannot point more finely than that.

# %% tags=["picture"]
run_figures.attention(
    writer,
    run_figures.image_of(held.test, picture),
    run_figures.features_of(held.test, picture),
    found[0].words,
)

# %% [markdown]
# ## 6 How many are true?
#
# Beam search writes a sentence about each of the 1,000 pictures that were held out. How many of them are true?

# %%
for decoder, model in models.items():
    written = SentenceWriter(model, held.vocabulary, settings.length).beam(
        held.test.images, settings.beam_widths[0]
    )
    share = evaluation.truth([best.words for best, *_ in written], held.test)
    curve = [row["val_truth"] for row in histories[decoder]]
    print(f"{decoder:10} {model.count_params():,} weights, {len(curve)} epochs: {share:.3f} are true")
    print(f"{'':10} on validation after each: {' '.join(f'{truth:.2f}' for truth in curve)}")

# %% [markdown]
# This is one seed, and the learning rate was chosen for neither network. It is enough to see that both have learned, and
# not enough to say which of the two is better in the end.
#
# ## 7 On photos
#
# This is a recorded run on **Flickr8k**, with means of three seeds. Of each of the 1,000 test photos, a sentence is
# scored against what five people said of it. BLEU-n counts phrases of up to n words that one of them used too.

# %%
flickr = metrics("image_captioning", "cpu")
print("image_captioning.py --seeds 0 1 2 --features POOLED.npz GRID.npz")
for name in ("test_bleu_1", "test_bleu_4", "test_cider"):
    print(f"    {name:12} {number(flickr[name], 2)}")

# %% [markdown]
# ## Exercises
#
# **1.** Give the beam a width of 1. Is that the same as taking the likeliest word each time?
#
# <details><summary>Answer</summary>
#
# Nearly. One beginning is kept and extended by the likeliest word, so the words are the same. But a finished sentence is
# compared with one that goes on, by $\ln p / \text{length}^{0.7}$. So the beam may stop earlier, or go on longer.
#
# </details>
#
# **2.** "A red circle and a blue square" and "a blue square and a red circle" are true of the same picture. What does
# that do to the loss, and what to the share of true sentences?
#
# <details><summary>Answer</summary>
#
# The first word that differs costs $\ln 2$ nats on average, however well the network sees: it cannot know which of the
# two will be said. So the loss cannot come to zero. The share of true sentences can come to one, since either is true.
# That is why captions are judged against several references.
#
# </details>
#
# **3.** Why does attention learn in so many fewer epochs, from the same pictures?
#
# <details><summary>Answer</summary>
#
# The vector of a whole picture has to say what each thing is, *and* which colour belongs to which. Attention looks at
# one place, says what is there, and looks at the next: what belongs together is in one cell. `merge` learns this as
# well, from more pictures and more epochs: `image_captioning.py --preset shapes` trains it, and docs/results.md has
# the result. So the curves say which network learns *sooner*. To find out which is better in the end takes several
# seeds, and a learning rate chosen for each: `image_captioning.py compare --preset shapes --seeds 0 1 2`.
#
# </details>

# %% [markdown]
# # A picture goes in, a sentence comes out
#
# *After Jian Li, "Deep Learning: RNN" (IIS Tsinghua), "Application – Image Captioning", which shows the model of
# Karpathy and Li (2015); attention after Xu et al. (2015, arXiv:1502.03044).*
#
# One to many: a convolutional network sees (parameter sharing in space, 在空间上共享参数), a **recurrent neural
# network** (循环神经网络) says what it saw, word by word (parameter sharing in time, 在时间上共享参数). Whether such a
# sentence is *good* is hard to measure; whether it is *true* is not, if one has drawn the picture oneself.
#
# So the pictures here are **drawn**: circles, squares and triangles, with sentences about their colours, sizes
# and places, and nothing needs to be downloaded. At the end stand recorded figures of real photos, Flickr8k. It
# takes about five minutes on two CPU cores.

# %%
# %matplotlib inline
# %config InlineBackend.print_figure_kwargs = {"bbox_inches": None}
import dataclasses
import sys

sys.path[:0] = ["../recipes", "../docs"]  # this notebook calls the recipe; it copies nothing from it

import recipe_kit.quiet_tensorflow  # noqa: F401  TensorFlow, without the lines that it prints as it starts
import keras
import numpy as np
from results_parts.ledger import metrics, number  # what recorded runs came to

import image_captioning as recipe
from parts.image_captioning import run_figures
from parts.image_captioning.captioner import Captioner
from parts.image_captioning.decoding import Writer
from recipe_kit import figures
from recipe_kit.datasets import is_true
from recipe_kit.runs import Run

# %% [markdown]
# The next cell says what is trained. **For photos, change it to** `dataclasses.replace(recipe.PRESETS["cpu"],
# data="my_folder")`, a folder of pictures with a `captions.csv`, and stop after the training in section 3: what comes
# then asks whether sentences are true, which nobody knows of photos. The command line does all of it:
# `image_captioning.py --data my_folder`.

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
    "two of the things that are said of each",
)

# %% [markdown]
# ## 2 Two ways for the picture to come in
#
# The lecture's formula for a network that sees a picture $v$ beside every word:
#
# $$h_t = \tanh(W_{xh} x_t + W_{hh} h_{t-1} + W_{ih} v)$$
#
# `decoder="merge"` does this, with an LSTM (长短期记忆) in place of the tanh: the whole picture as one vector, at every step.
# **Attention** (`decoder="attention"`) keeps the cells of a grid $a_1 \dots a_{16}$ apart, and takes before each
# word a mean of them, weighted anew:
#
# $$e_{ti} = f(a_i, h_{t-1}) \qquad \alpha_{ti} = \frac{\exp e_{ti}}{\sum_k \exp e_{tk}} \qquad
#   z_t = \sum_i \alpha_{ti} a_i$$
#
# The code that is the equation of the mean, on random numbers: weights that are not negative and add up to one.

# %%
rng = np.random.default_rng(0)
e_t, a = rng.normal(size=16), rng.normal(size=(16, 3))
alpha_t = np.exp(e_t) / np.exp(e_t).sum()
z_t = alpha_t @ a
print("the weights add up to", alpha_t.sum().round(6))
print("z_t lies within the cells:", bool((a.min(axis=0) < z_t).all() and (z_t < a.max(axis=0)).all()))

# %% [markdown]
# The whole network, as the recipe has it, in its own words:

# %%
print(Captioner.__doc__.split("Args:")[0].rstrip())

# %% [markdown]
# ## 3 It learns to say what it sees
#
# The loss is $-\ln p$ of each word, given the picture and the words before. After each epoch it says something
# about three of the validation pictures; `val_truth` is the share of sentences that are true. The two have as many
# weights (printed below) and the same learning rate, the recipe's, which comes down to nothing in half a cosine.
# `merge` gets more epochs: where attention has learned it, `merge` has hardly begun.

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
# Both curves end flat, as far as this tells: each learning rate has come down to nothing there. Cut off after as many epochs
# as attention has, `merge` would look like a network that cannot do it. It can; it takes longer.
#
# ## 4 Writing: the likeliest word, or the likeliest sentence
#
# To write is to search for the sentence with the largest $\ln p$. Taking the likeliest word each time is one
# way; a **beam search** keeps several beginnings side by side, and compares whole sentences by
# $\ln p / \text{length}^{0.7}$ (every word makes $p$ smaller, so that long sentences would lose). **Change the picture, or the width of the beam:**

# %%
picture, width = 3, 3

writer = Writer(models["attention"], held.vocabulary, settings.length)
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
# The weights $\alpha_{ti}$ of that sentence, a picture before each word. Nobody told it where things are: it was
# told sentences. The grid has four rows and four columns, so it cannot point more finely than that.

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
# Of all 1,000 pictures that were held out, of which one stands above, written by the beam:

# %%
for decoder, model in models.items():
    written = Writer(model, held.vocabulary, settings.length).beam(
        held.test.images, settings.beam_widths[0]
    )
    share = recipe.evaluation.truth([best.words for best, *_ in written], held.test)
    curve = [row["val_truth"] for row in histories[decoder]]
    print(f"{decoder:10} {model.count_params():,} weights, {len(curve)} epochs: {share:.3f} are true")
    print(f"{'':10} on validation after each: {' '.join(f'{truth:.2f}' for truth in curve)}")

# %% [markdown]
# This is one seed, with a learning rate that was chosen for neither: enough to see that both have learned it, and not
# enough to say which of the two is better in the end.
#
# ## 7 On photos
#
# A recorded run on **Flickr8k**, the means of three seeds, read from the project's ledger: on the 1,000 test
# photos, scores against what five people said of each. BLEU-n counts words and phrases of up to n words that one
# of them used too.

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
# Nearly. One beginning is kept, and it is extended by the likeliest word, so the words are the same. But a
# finished sentence is compared with one that goes on, by $\ln p / \text{length}^{0.7}$, so that it may stop earlier or go on longer; the words up to there are the same.
#
# </details>
#
# **2.** Of a picture with a red circle and a blue square both of these are true: "a red circle and a blue
# square", "a blue square and a red circle". What does that do to the loss, and what to the truth?
#
# <details><summary>Answer</summary>
#
# The first word that differs costs $\ln 2$ nats on average, however well the network sees: it cannot know which of
# the two will be said. The loss cannot come to zero. The truth can come to one: either will do. That is why
# captions are judged against several references.
#
# </details>
#
# **3.** Why does attention learn it in so many fewer epochs, from the same pictures?
#
# <details><summary>Answer</summary>
#
# The vector of a whole picture has to say of each thing what it is, *and* which colour belongs to which. Attention
# looks at one place, says what is there, and looks at the next: what belongs together stands in one cell. The
# other way learns it as well, from more pictures and more epochs: `image_captioning.py --preset shapes` is
# `merge`, and docs/results.md has what it came to. So the curves say which learns *sooner*. Which is better in the end takes
# several seeds, and a learning rate chosen for each (`image_captioning.py compare --preset shapes
# --seeds 0 1 2`).
#
# </details>

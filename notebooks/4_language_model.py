# %% [markdown]
# # Were, or was?
#
# *After the lecture after Graves, "LSTM implementation using TensorFlow" (`ptb_word_lm.py`); the notes on
# Andrew Ng's sequence-model course, section 9; Ruixuan Wang, "Week 10: RNN" (Sun Yat-sen University, 2019).*
#
# > The cat, which already ate a bunch of food, **was** full.
# >
# > The cats, which already ate a bunch of food, **were** full.
#
# A **language model** (语言模型) says which word comes next. To choose between *was* and *were* it has to remember a
# noun that may be far back. The notes say that a plain **recurrent neural network** (循环神经网络) is bad at that,
# because of the **vanishing gradient** (梯度消失), and that a GRU or an LSTM (long short-term memory, 长短期记忆) is
# better. This notebook measures it, with another result.
#
# The **corpus** (语料库) is **generated** by a grammar. So nothing needs to be downloaded, and the best perplexity that
# any model can reach is known exactly. Section 7 has recorded figures of real text, the Penn Treebank. The notebook
# takes about three minutes on two CPU cores.

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
from results_parts.ledger import entry, metrics, number  # what recorded runs came to

import ptb_language_model as recipe
from parts.ptb_language_model import agreement, comparison, run_figures, sentences
from recipe_kit import figures
from recipe_kit.runs import Run
from rnn_kit.generation import Generator
from rnn_kit.metrics import Perplexity
from rnn_kit.text import streams

# %% [markdown]
# The next cell says what is trained. **For real text, change it to** `dataclasses.replace(recipe.PRESETS["small"],
# data="simple-examples.tgz")`, the archive that the lecture names. Leave out the last line of section 1, and stop before
# section 5: those are about the generated language. The two networks then take two hours. To train one of them from the
# command line, say `ptb_language_model.py --preset small --data simple-examples.tgz`.

# %% tags=["parameters"] smoke="settings = recipe.PRESETS['smoke']"
settings = dataclasses.replace(recipe.PRESETS["agreement"], temperatures=(1.0,), samples_every=4)

# %% [markdown]
# ## 1 The language
#
# Each word is a number, and `<eos>` ends a sentence. Between a noun and its verb there may be no other word, or more
# than 100. Other nouns may be among them, with which the verb does not agree. Some sentences, by length:

# %%
keras.utils.set_random_seed(settings.seed)
corpus = recipe.load_data(settings)
vocabulary = corpus.vocabulary
print(
    f"{len(vocabulary)} words; {len(corpus.train):,} tokens to train on, {len(corpus.validation):,} to "
    f"validate on, {len(corpus.test):,} held out\n"
)
for sentence in sorted(agreement.test_sentences(corpus)[:12], key=len)[:9]:
    print(" ".join(sentence))

# %% [markdown]
# ## 2 Loss and perplexity
#
# The probability of a text is the product of the probabilities of its words, each given the words before it. The loss
# is the mean of $-\ln p$, and the **perplexity** is
#
# $$e^{-\frac{1}{N} \sum_{i=1}^{N} \ln p_{\text{target}_i}} = e^{\text{loss}}$$
#
# It is the number of equally likely words among which the model would hesitate as much. The next cell is the equation
# in NumPy, on random scores of $V$ words, and compares it with the kit's metric:

# %%
rng = np.random.default_rng(0)
scores, targets = rng.normal(size=(2, 5, len(vocabulary))), rng.integers(len(vocabulary), size=(2, 5))

p = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
p_target = np.take_along_axis(p, targets[..., None], axis=-1)
print("by the equation:", np.exp(-np.log(p_target).mean()).round(4))

metric = Perplexity()
metric.update_state(targets, scores)
print("by the metric:  ", round(float(metric.result()), 4))

# %% [markdown]
# ## 3 One batch, and the next
#
# The gradient goes back through a window of words: **truncated back-propagation through time** (通过时间反向传播). The
# text is cut into as many streams as a batch has rows. Each row begins with the state at the end of the same row of the
# batch before. So a row begins in the middle of a sentence, as in `ptb_word_lm.py`, whose batch "does not correspond
# to a sentence of words". A batch of three rows and seven words, and the next one:

# %%
inputs, targets = streams(corpus.train, 3, 7)
for n in range(2):
    print(f"batch {n}")
    for row in inputs[n]:
        print("    " + " ".join(vocabulary.decode(row)))

# %% [markdown]
# ## 4 Two networks learn it
#
# One is a plain RNN, $h_t = \tanh(W x_t + U h_{t-1} + b)$. The other is a GRU,
# $h_t = z_t \circ h_{t-1} + (1 - z_t) \circ \tilde h_t$, whose **update gate** $z_t$ (更新门) can leave the state as it
# is. The plain RNN, in plain Keras:


# %% tags=["plain-keras"]
def windows(ids, size=50):
    ids = ids[: len(ids) // (size + 1) * (size + 1)].reshape(-1, size + 1)
    return ids[:, :-1], ids[:, 1:]


keras.utils.set_random_seed(settings.seed)
plain = keras.Sequential(
    [
        keras.layers.Embedding(len(vocabulary), 64),
        keras.layers.SimpleRNN(117, return_sequences=True),
        keras.layers.Dense(len(vocabulary), activation="softmax"),
    ]
)
plain.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy")
plain.fit(*windows(corpus.train), batch_size=16, epochs=1, verbose=0)
loss = plain.evaluate(*windows(corpus.validation), verbose=0)
print(f"after one pass it chooses as if among {np.exp(loss):.1f} equally likely words, its perplexity")

# %% [markdown]
# The recipe's networks have these layers too, and carry the state from window to window, as section 3 says. Here each
# of them makes several passes.
#
# For a fair comparison the text, its order and the number of steps are the same for both. With as many units, a GRU has
# three times the weights of a plain RNN, so each has as many units as give it as many *weights* as an LSTM of 64 units.
# Nor is one learning rate right for both: each has the one of two that was better for it on the validation text, as
# `ptb_language_model.py compare` recorded it. After the last epoch each network writes a few sentences.

# %%
cells = {"plain RNN": "simple", "GRU": "kit-gru"}

networks, histories, weights = {}, {}, {}
for name, cell in cells.items():
    recorded = entry("ptb_language_model", "agreement", cell=cell.removeprefix("kit-"))
    its_settings = dataclasses.replace(
        settings,
        cell=cell,
        units=comparison.equal_units(settings, cell, recipe.build_model),
        learning_rate=recorded["settings"]["learning_rate"],
    )
    keras.utils.set_random_seed(settings.seed)
    run = Run.temporary(recipe.RECIPE, its_settings, corpus.info)
    networks[name] = recipe.train(its_settings, corpus, run)
    histories[name] = run.history()
    weights[name] = networks[name].count_params()
    print(f"{name}: {its_settings.units} units, learning rate {its_settings.learning_rate:g}\n")

print("weights: " + ", ".join(f"{count:,} ({name})" for name, count in weights.items()))
print(f"ratio: {weights['plain RNN'] / weights['GRU']:.3f}")

# %%
own = agreement.language.perplexity()
figures.perplexity_curves(
    histories["GRU"], marks={"the language itself": own}, title="GRU: perplexity of a word"
)

# %% [markdown]
# ## 5 Were, or was?
#
# The held-out text is read as one stream, as the training text was. Before each verb the network is asked whether the
# right form is likelier than the same verb in the other number. A coin is right in one half. (To read each sentence on
# its own, from states of zeros, would not be fair: hardly any sentence of the training text began with them.)
#
# The next cell prints, for each network, its perplexity, and up to which distance its verbs agree: as far as the 95 %
# interval of the share stays above 0.75. (A network that knows half of the nouns, and guesses the others, has 0.75.)

# %% tags=["picture"]
measured = {}
for name, network in networks.items():
    judged = agreement.judge(network, corpus)
    judged["test_perplexity"] = np.exp(recipe.evaluate(network, corpus, corpus.test))
    measured[name] = judged
    print(f"{name}: perplexity {judged['test_perplexity']:.3f} on text that was held out")
    print(f"    its verbs agree up to {judged[agreement.LARGEST]:.0f} words after their noun")
print(f"the language's own: {judged[agreement.TRUE]:.3f}")
run_figures.agreement_of(measured)

# %% [markdown]
# The verbs show what a perplexity hides. A network that knew everything but the number of the noun would pay $\ln 2$
# nats more for each sentence, and its perplexity would be only four percent higher. The next cell computes it, and
# prints what recorded runs of three seeds came to for each cell.
#
# Why is the plain RNN as good? The number of a noun is a single bit, and a plain RNN can keep a bit: a tanh unit whose
# weight to itself is above 1 has two stable states, near +1 and near -1. What the vanishing gradient makes hard is to
# *learn* this from far away. But the language also has short sentences, in which the verb is 1, 2 or 3 words after its
# noun. What is learned from those may hold at 50.

# %%
nats, tokens = agreement.language.entropy()
print(
    f"without the number of the noun: at best {np.exp((nats + np.log(2)) / tokens):.3f} in expectation"
)
print(f"with it:                        at best {np.exp(nats / tokens):.3f}")
for cell in ("simple", "gru", "lstm"):
    found = metrics("ptb_language_model", "agreement", cell=cell)
    reached = ", ".join(f"{words:.0f}" for words in found[agreement.LARGEST]["values"])
    perplexity = number(found["test_perplexity"], 3)
    print(
        f"{figures.cell_name(cell):10} perplexity {perplexity}, agrees up to {reached} words (a value a seed)"
    )

# %% [markdown]
#
# ## 6 A sentence, word by word
#
# The next cell scores a held-out sentence word by word, and the same sentence with the wrong verb. Both follow the last
# hundred words of the validation text. **Change how many words there are between noun and verb**, or write sentences
# of your own, in the words of this language:

# %%
between = 12

facts = [(words, agreement.language.agreement_in(words)) for words in agreement.test_sentences(corpus)]
words, fact = min(facts, key=lambda each: abs(each[1].distance - 1 - between))
wrong = [*words[: fact.verb], fact.wrong, *words[fact.verb + 1 :]]

generator = Generator(networks["GRU"])
before = corpus.validation[-sentences.BEFORE :]
_ = sentences.score(generator, vocabulary, [" ".join(words), " ".join(wrong)], before)

# %%
ids = np.concatenate([before, vocabulary.encode(wrong)])
nats = -generator.log_probabilities(ids[None])[0][-len(wrong) :]
figures.surprise(wrong, nats, f"GRU: {fact.wrong!r} where {fact.right!r} agrees")

# %% [markdown]
# ## 7 On real text
#
# These are recorded runs on the **Penn Treebank**, with the perplexity of the validation and the test text. The lecture
# says that the small model comes below 120 on the test set.

# %%
for preset in ("small", "cpu"):
    found = metrics("ptb_language_model", preset)
    perplexities = [number(found[f"{part}_perplexity"], 1) for part in ("validation", "test")]
    print(
        f"ptb_language_model.py --preset {preset:8} validation {perplexities[0]}, test {perplexities[1]}"
    )

# %% [markdown]
# ## Exercises
#
# **1.** The window is 50 words. How can the GRU agree over 60?
#
# <details><summary>Answer</summary>
#
# The gradient is cut at the window, but the state is not. Sentences whose noun and verb are in one window taught the
# network to keep the number of a noun. An update gate that keeps for 30 steps mostly keeps for 60.
#
# </details>
#
# **2.** On the way back from verb to noun, a plain RNN's gradient is multiplied by $U^T \mathrm{diag}(1 - h_j^2)$ at
# every step. A unit that keeps a bit has $h_j$ near +1 or -1. What does that do to the gradient, and to what the unit
# remembers?
#
# <details><summary>Answer</summary>
#
# $1 - h_j^2$ is near 0, so the gradient through this unit vanishes: a small change of the state at the noun changes
# nothing at the verb. The same makes the memory a good one, since noise does not change it either. In a plain RNN,
# remembering a bit and passing on a gradient are at odds. It can remember for long what it has learned at a short
# distance, and can hardly learn at a long one. The notebook "See it happen" measures how gradients shrink, on other
# networks.
#
# </details>
#
# **3.** A network reaches a perplexity of 7.0 in this language, and another one reaches 113 on the Penn Treebank. Which
# of the two models its language better?
#
# <details><summary>Answer</summary>
#
# The perplexities do not say, since those of different languages cannot be compared. Of this language the perplexity
# itself is known, and the network is within a few percent of it. That of English is not known.
#
# </details>

# %% [markdown]
# # A network that writes
#
# *After Jian Li, "Deep Learning: RNN" (IIS Tsinghua), the example `lstm_text_generation.py`; sampling
# after the notes on Andrew Ng's sequence-model course.*
#
# A **recurrent neural network** (RNN, 循环神经网络) reads a text one character at a time and learns what
# comes next. That is a **language model** (语言模型), and a language model can write: draw a character from
# what it expects, feed it back, draw the next. The lecture calls that *sampling novel sequences*
# (新序列采样).
#
# The **corpus** (语料库) here is one that every machine has: the source of Python's own standard library.
# Every figure and picture in this notebook is of that text, except in section 6. It takes about three
# minutes on two CPU cores.

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

import nietzsche_generation as recipe
from recipe_kit import cli, figures
from recipe_kit.runs import Run
from rnn_kit.generation import Generator
from rnn_kit.pipelines import stream_dataset
from rnn_kit.sampling import TemperatureSampler

# %% [markdown]
# The next cell says what is trained. **For the lecture's own text, change its first argument to**
# `recipe.PRESETS["cpu"]`, and take out `limit` and `epochs`: that downloads Nietzsche, and takes some
# eight minutes. Or give a file of your own: `data="my_text.txt"`.

# %% tags=["parameters"] smoke="settings = dataclasses.replace(recipe.PRESETS['smoke'], cell='kit-gru')"
settings = dataclasses.replace(
    recipe.PRESETS["demo"],
    cell="kit-gru",
    limit=900_000,
    epochs=4,
    temperatures=(0.5,),
    length=160,
)

# %% [markdown]
# ## 1 Characters, and their numbers
#
# To **tokenize** (标记化) a text into characters is to number them. The lecture turns each number into a one-hot vector
# $x_t \in \lbrace 0, 1 \rbrace^V$, which a matrix then multiplies. The product is a row of that matrix. Here the row is
# looked up by its number, and no one-hot vector is ever stored.

# %%
keras.utils.set_random_seed(settings.seed)
text = recipe.load_data(settings)
vocabulary = text.vocabulary
print(
    f"{text.info['characters']:,} characters, {len(vocabulary)} distinct; {len(text.train):,} to train "
    f"on, {len(text.validation):,} to validate on, {len(text.test):,} held out"
)
print(repr(vocabulary.decode(text.train[:60])))
print(text.train[:60])

# %% [markdown]
# ## 2 The network
#
# A language model says how likely a text is, one character after the other:
#
# $$P(x_1, \dots, x_T) = \prod_t P(x_t \mid x_1, \dots, x_{t-1})$$
#
# What a recurrent network knows of $x_1 \dots x_{t-1}$ is in its state $h_t$, and the same weights are used
# at every step: **parameter sharing in time** (在时间上共享参数). The layer of this notebook is the gated
# recurrent unit. Its two **gates** (门) decide how much of the old state is kept, $z_t$ (the **update
# gate**, 更新门), and how much of it the new candidate sees, $r_t$ (the **relevance gate**, 相关门, also reset gate). In the
# lecture's form:
#
# $$\begin{aligned}
# z_t &= \sigma(W^{(z)} x_t + U^{(z)} h_{t-1}) \qquad r_t = \sigma(W^{(r)} x_t + U^{(r)} h_{t-1}) \\
# \tilde h_t &= \tanh(W x_t + r_t \circ U h_{t-1}) \\
# h_t &= z_t \circ h_{t-1} + (1 - z_t) \circ \tilde h_t
# \end{aligned}$$
#
# Below this layer is an **embedding** (嵌入), a learned vector for each character, and above it a softmax over all
# characters. (The lectures differ on the reset gate. This is Jian Li's form, and Keras's; Ruixuan Wang and Tollef
# Jahren have $U (r_t \circ h_{t-1})$. `rnn_kit.layers.GRU` has both forms.)
#
# In plain Keras the network is three layers. The text is cut into windows of 64 characters, and each window is the
# target of itself, moved by one character:


# %% tags=["plain-keras"]
def windows(ids, size=64):
    ids = ids[: len(ids) // (size + 1) * (size + 1)].reshape(-1, size + 1)
    return ids[:, :-1], ids[:, 1:]


keras.utils.set_random_seed(settings.seed)
plain = keras.Sequential(
    [
        keras.layers.Embedding(len(vocabulary), 64),
        keras.layers.GRU(256, return_sequences=True),
        keras.layers.Dense(len(vocabulary), activation="softmax"),
    ]
)
plain.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
plain.fit(*windows(text.train), batch_size=32, epochs=1, verbose=0)
nats = plain.evaluate(*windows(text.validation), verbose=0)
print(f"{nats:.2f} nats: as if it chose between {np.exp(nats):.1f} characters, of {len(vocabulary)}")

# %% [markdown]
# The recipe's network has the same layers and sizes, with this kit's GRU in place of Keras's (number for number the
# same). The difference is in the training. Above, `fit` shuffles the windows and starts each from a state of zeros. The
# recipe reads the text in order, so that each window can start from the state at the end of the window before, as
# section 3 explains. And it makes four passes, with a learning rate that falls to almost zero. After the first pass it
# is not ahead of the cell above; after four it is.

# %%
model = recipe.build_model(settings, len(vocabulary))
for layer in model.layers:
    shapes = ", ".join(f"{v.path.split('/')[-1]} {v.shape}" for v in layer.weights)
    print(f"{layer.name:12} {layer.count_params():8,} weights   {shapes}")

# %% [markdown]
# The next cell is the equation in NumPy, for one step from a random state. It adds the biases, which the equation leaves
# out. The three blocks of each matrix are side by side, in the order $z$, $r$, candidate. Last, it compares the
# result with that of the layer's own cell:

# %%
(gru,) = (layer for layer in model.layers if isinstance(layer, keras.layers.RNN))
W, U, b = gru.get_weights()
rng = np.random.default_rng(0)
x_t, h_tm1 = rng.normal(size=W.shape[0]), rng.normal(size=U.shape[0])


def sigma(a):
    return 1 / (1 + np.exp(-a))


W_z, W_r, W_h = np.split(x_t @ W + b[0], 3)
U_z, U_r, U_h = np.split(h_tm1 @ U + b[1], 3)
z_t, r_t = sigma(W_z + U_z), sigma(W_r + U_r)
candidate = np.tanh(W_h + r_t * U_h)
h_t = z_t * h_tm1 + (1 - z_t) * candidate

theirs, _ = gru.cell(x_t[None].astype("float32"), [h_tm1[None].astype("float32")])
print(f"the largest difference of {len(h_t)} numbers: {np.abs(h_t - theirs.numpy()[0]).max():.0e}")

# %% [markdown]
# Before it has learned anything, it writes like this:

# %%
prompt = vocabulary.encode("def ")[None]
noise = Generator(model).generate(prompt, 160, TemperatureSampler(1.0, seed=0))
print(vocabulary.decode(noise[0]))

# %% [markdown]
# ## 3 Back-propagation through time, truncated
#
# The gradient of the loss goes back through every step that led there: **back-propagation through time**
# (通过时间反向传播). Through the whole text this would take too much memory and time, so the gradient is cut off after a
# window. The state is not cut: window $k$ of a row begins with the state at the end of window $k - 1$. For this the
# text is laid out in parallel streams, and each row of a batch goes on in the same row of the next batch:

# %%
batches, _ = stream_dataset(text.train, text.info["batch_size"], settings.window, settings.seed)
for n, (inputs, targets) in zip((0, 1), batches.as_numpy_iterator(), strict=False):
    print(f"batch {n}, row 0: {vocabulary.decode(inputs[0])!r}")
    print(f"   its targets: {vocabulary.decode(targets[0])!r}")

# %% [markdown]
# (The lecture's listing starts every window from a state of zeros, and predicts a single character from a window of
# 40. So 40 steps of the network have one target, where here each step has its own. The recipe's `--preset lecture` is
# that listing.)
#
# The loss is the cross entropy, $L = -\frac{1}{T} \sum_t \ln P(x_t \mid x_1 \dots x_{t-1})$, in nats a character. A
# network that knows nothing has $\ln V$. Now the recipe trains. After each pass over the text the network writes a
# little, going on from `def `.

# %%
keras.utils.set_random_seed(settings.seed)
run = Run.temporary(recipe.RECIPE, settings, text.info)  # what is worth keeping is in this notebook
print(f"ln V = {np.log(len(vocabulary)):.2f}")
model = recipe.train(settings, text, run)

# %%
figures.loss_curves({"GRU": run.history()}, "Python's standard library, one character at a time")

# %% [markdown]
# ## 4 Temperature
#
# The network's last layer gives scores $a_i$. Drawing from their softmax at a temperature $T$ is
#
# $$p_i = \frac{\exp(a_i / T)}{\sum_j \exp(a_j / T)}$$
#
# A note beside the lecture's `sample()` says that the smaller the temperature, the more even the distribution. It is
# the other way round: a low temperature sharpens the distribution, a high one flattens it.

# %%
generator = Generator(model)
context = text.validation[:40]
scores, _ = generator.prefill(context[None])
after = "…" + vocabulary.decode(context[-24:])
figures.temperatures(scores[0], vocabulary.characters, after)

# %% [markdown]
# The next cell goes on from one prompt at four temperatures. **Change the prompt or the temperatures, or add `top_k=5`
# or `top_p=0.9` to the sampler**, which then draws from the likeliest characters alone:

# %%
start, temperatures = "def ", (0.2, 0.5, 1.0, 1.5)

texts = {}
for temperature in temperatures:
    sampler = TemperatureSampler(temperature, seed=1)
    written = generator.generate(vocabulary.encode(start)[None], 260, sampler)
    texts[f"T = {temperature}"] = vocabulary.decode(written[0])
print(cli.side_by_side(texts, width=116))

# %% [markdown]
# ## 5 What surprises it
#
# The picture shows $-\ln P(x_t \mid x_1 \dots x_{t-1})$ for each character of a line that the network has not learned
# from. The beginning of a word is mostly harder to guess than its end: the network has learned to spell.

# %% tags=["picture"]
seen, line = text.validation[:400], text.validation[400:480]
nats = -generator.log_probabilities(np.concatenate([seen, line])[None])[0, len(seen) - 1 :]
figures.surprise([vocabulary.characters[i] for i in line], nats, "a line that was held out")

# %% [markdown]
# The same, as a mean over the last tenth of the text, which nothing in this notebook was chosen by:

# %%
held_out = recipe.evaluate(model, settings, text)
print(f"held out: {held_out:.3f} nats, {held_out / np.log(2):.3f} bits a character")

# %% [markdown]
# ## 6 On the lecture's text
#
# The lecture's text is Nietzsche's writings, which the recipe downloads. These figures are from recorded runs, each
# with the command that repeats it.

# %%
lecture = metrics("nietzsche_generation", "lecture", epochs=10)["test_nats"]
ours = metrics("nietzsche_generation")["test_nats"]
print("nietzsche_generation.py --preset lecture --epochs 10   ", number(lecture, 3), "nats")
print("nietzsche_generation.py --seeds 0 1 2                  ", number(ours, 3), "nats")

# %% [markdown]
# ## Exercises
#
# **1.** With a temperature of 0 the network always takes the likeliest character. Try it above. Why does it
# end in a loop?
#
# <details><summary>Answer</summary>
#
# Without chance, the state and the last character determine what comes next. As soon as the network comes back to
# (nearly) the same state, it goes on as before, and comes back again. A little chance gets it out of the loop: that is
# what a temperature is for.
#
# </details>
#
# **2.** A loss of 1.3 nats a character: between how many equally likely characters does the network
# hesitate, on average?
#
# <details><summary>Answer</summary>
#
# Between $e^{1.3} \approx 3.7$, the perplexity: a choice among $n$ equally likely characters costs $\ln n$ nats, so a
# loss of $L$ is that of a choice among $e^L$.
#
# </details>
#
# **3.** The window is 64 characters. Can the network use something that it read 500 characters ago?
#
# <details><summary>Answer</summary>
#
# Yes: its state is carried from window to window, and nothing resets it. Only the gradient is cut at the window. So the
# network is never *taught* to keep something for 500 steps, but what it has learned to keep for 60 it may keep for
# longer. The notebook "Were, or was?" measures whether it does, with verbs that agree with a noun far back.
#
# </details>

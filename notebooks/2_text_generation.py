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
# This notebook trains for a minute or two on two CPU cores. Every figure and picture in it is of
# that text, unless it says otherwise.

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
# To **tokenize** (标记化) a text into characters is to number them. The lecture turns each number into a
# one-hot vector $x_t \in \lbrace 0, 1 \rbrace^V$; looking up the row of that number in a matrix is the same product and needs no
# vector of $V$ numbers, so ids are all that is ever stored.

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
# Above it stands a softmax over all characters, below it an **embedding** (嵌入): a vector for each of them,
# which is learned too. (The slides differ on the reset gate: this is 000's and Keras's form; 003 and 004 have
# $U (r_t \circ h_{t-1})$. `rnn_kit.layers.GRU` has both, and the notes' form in which the gate writes.)

# %%
model = recipe.build_model(settings, len(vocabulary))
for layer in model.layers:
    shapes = ", ".join(f"{v.path.split('/')[-1]} {v.shape}" for v in layer.weights)
    print(f"{layer.name:12} {layer.count_params():8,} weights   {shapes}")

# %% [markdown]
# The code that is the equation, for one step from a random state, with the biases that it leaves out; the three blocks of each matrix stand side
# by side, in the order $z$, $r$, candidate. Beside it, what the layer's cell says:

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
# (通过时间反向传播). Through the whole text that is out of reach, so it is cut off after a window. The
# state is not cut: window $k$ of a row begins with the state with which window $k - 1$ of that row ended.
# So the text is laid out in parallel streams, and the rows of one batch go on in the next:

# %%
batches, _ = stream_dataset(text.train, text.info["batch_size"], settings.window, settings.seed)
for n, (inputs, targets) in zip((0, 1), batches.as_numpy_iterator(), strict=False):
    print(f"batch {n}, row 0: {vocabulary.decode(inputs[0])!r}")
    print(f"   its targets: {vocabulary.decode(targets[0])!r}")

# %% [markdown]
# (The lecture's listing starts every window from a state of zeros instead, and predicts one character from
# a window of 40: 40 steps of the network for one target, where here every step has one. `--preset lecture`
# of the recipe is that listing.)
#
# The loss is the cross entropy, $L = -\frac{1}{T} \sum_t \ln P(x_t \mid x_1 \dots x_{t-1})$, in nats a
# character. Whoever knows nothing has $\ln V$. Now it learns; after each pass over the text it writes a little, going on from `def `.

# %%
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
# A note beside the lecture's `sample()` says that the smaller the temperature, the more even the
# distribution. It is the other way round: low sharpens, high flattens.

# %%
generator = Generator(model)
context = text.validation[:40]
scores, _ = generator.prefill(context[None])
after = "…" + vocabulary.decode(context[-24:])
figures.temperatures(scores[0], vocabulary.characters, after)

# %% [markdown]
# The same prompt at four temperatures. **Change the prompt, the temperatures, or add `top_k=5` or
# `top_p=0.9` to the sampler**, which draw from the likeliest characters alone:

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
# $-\ln P(x_t \mid x_1 \dots x_{t-1})$ of a line that it has not learned from (of the validation part). The beginnings of words are mostly harder to guess
# than their ends: it has learned to spell, and when a line may end.

# %% tags=["picture"]
seen, line = text.validation[:400], text.validation[400:480]
nats = -generator.log_probabilities(np.concatenate([seen, line])[None])[0, len(seen) - 1 :]
figures.surprise([vocabulary.characters[i] for i in line], nats, "a line that was held out")

# %% [markdown]
# And over the whole last tenth of the text, which nothing was chosen by:

# %%
held_out = recipe.evaluate(model, settings, text)
print(f"held out: {held_out:.3f} nats, {held_out / np.log(2):.3f} bits a character")

# %% [markdown]
# ## 6 On the lecture's text
#
# These are figures of recorded runs on the real data, Nietzsche's writings, which the recipe downloads.
# They are read from the project's ledger; the command that repeats each stands beside it.

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
# Without chance, what comes next follows from the state and the last character alone. As soon as the
# network comes back to (nearly) the same state, it goes on as it did before, and comes back again. A little
# chance is what gets it out: that is what a temperature is for.
#
# </details>
#
# **2.** A loss of 1.3 nats a character: between how many equally likely characters does the network
# hesitate, on average?
#
# <details><summary>Answer</summary>
#
# Between $e^{1.3} \approx 3.7$: the perplexity. Of $n$ equally likely characters each costs $\ln n$ nats, so
# a loss of $L$ costs as much as $e^L$ of them.
#
# </details>
#
# **3.** The window is 64 characters. Can the network use something that it read 500 characters ago?
#
# <details><summary>Answer</summary>
#
# Yes: its state is carried from window to window, and nothing sets it back. What is cut at the window is the
# gradient. So it is never *taught* to keep something for 500 steps, but what it learned to keep for 60, it may
# keep for longer. Whether it does is measured in the notebook on language models, with verbs that agree with a
# noun far back.
#
# </details>

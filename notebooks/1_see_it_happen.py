# %% [markdown]
# # See it happen
#
# *After Tollef Jahren, "INF 5400 lecture 11" (University of Oslo, 2019); Jian Li, "Deep Learning: RNN" (IIS
# Tsinghua); the lecture after Graves.*
#
# A **recurrent neural network** (RNN, 循环神经网络, also 递归神经网络) in six scenes: it spells a word; its
# gradient is computed by hand; gradients vanish and explode; clipping tames them; gates remember; and a cell
# turns out to know something that nobody taught it. Nothing is downloaded: the data are five letters, random
# numbers, and the source of Python's standard library. The notebook takes two to three minutes on two CPU cores.

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
import inspect

import recipe_kit.quiet_tensorflow  # noqa: F401  TensorFlow, without the lines that it prints as it starts
import keras
import numpy as np

import adding_problem
import hello_characters
import vanishing_gradients
import visualize_cells
from parts.adding_problem import tasks
from parts.hello_characters import backpropagation, side_by_side
from parts.hello_characters import run_figures as hello_figures
from parts.vanishing_gradients import clipping, jacobians, memory_task
from parts.vanishing_gradients import run_figures as gradient_figures
from parts.visualize_cells import run_figures as cell_figures
from recipe_kit.runs import Run

# %% [markdown]
# The next cell says how large everything is. **To look at cells in a text of your own, change `data` in its last
# line** to `"nietzsche"`, or to a file or folder.

# %% tags=["parameters"] smoke="hello, fading, adding, cells = (r.PRESETS['smoke'] for r in (hello_characters, vanishing_gradients, adding_problem, visualize_cells))"
hello = dataclasses.replace(hello_characters.PRESETS["cpu"], steps=100, epochs=5)
fading = dataclasses.replace(vanishing_gradients.PRESETS["cpu"], batches=400, epochs=8)
adding = dataclasses.replace(adding_problem.PRESETS["cpu"], epochs=8)
cells = dataclasses.replace(visualize_cells.PRESETS["cpu"], data="stdlib", limit=1_500_000)


# %%
def new_run(recipe, settings):
    """A run that leaves nothing behind; its seed is set."""
    keras.utils.set_random_seed(settings.seed)
    return Run.temporary(recipe.RECIPE, settings)


# %% [markdown]
# ## 1 "hello"
#
# The lecture's smallest **language model** (语言模型) reads a character and scores the next:
#
# $$h_t = \tanh(W_{hh} h_{t-1} + W_{hx} x_t + b) \qquad y_t = W_{hy} h_t$$
#
# with the vocabulary [h, e, l, o]. The first "l" is followed by "l", the second by "o": to tell the two apart,
# the network must remember what came before. It has the **same weights at every step** (parameter sharing in time,
# 在时间上共享参数), and a state $h_t$ that carries what it remembers. In plain Keras:

# %% tags=["plain-keras"]
ids = np.array([["helo".index(character) for character in "hello"]])

keras.utils.set_random_seed(0)
plain = keras.Sequential(
    [
        keras.layers.Embedding(4, 4, embeddings_initializer="identity", trainable=False),  # one-hot
        keras.layers.SimpleRNN(3, return_sequences=True),
        keras.layers.Dense(4, use_bias=False, activation="softmax"),
    ]
)
plain.compile(keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy")
plain.fit(ids[:, :-1], ids[:, 1:], epochs=200, verbose=0)
likeliest = plain.predict(ids[:, :-1], verbose=0)[0].argmax(axis=-1)
print("after h, e, l, l it expects:", ", ".join("helo"[i] for i in likeliest))
print(f"cross entropy: {plain.evaluate(ids[:, :-1], ids[:, 1:], verbose=0):.3f} nats a character")

# %% [markdown]
# The recipe trains the same three layers, with scores in place of probabilities at the end (the softmax is in its
# loss). Around them it adds what a recipe needs: settings, a record of the training, a saved model. To **unroll**
# (按时间展开) the network is to draw one column for each step, as the picture does:

# %%
run = new_run(hello_characters, hello)
word = hello_characters.load_data(hello)
model = hello_characters.build_model(hello, len(word.vocabulary))
before = hello_characters.forward(model, word)
hello_characters.train(hello, word, model, run)
after = hello_characters.forward(model, word)
print(
    f"\ncross entropy {hello_characters.cross_entropy(before):.3f} before, "
    f"{hello_characters.cross_entropy(after):.3f} after; without a memory, at best "
    f"{hello_characters.without_memory(word):.3f}"
)
print("reading its own output, it spells:", hello_characters.spell(hello, word, model)[0])

# %%
hello_figures.tables({"before training": before, "after training": after})

# %% [markdown]
# ## 2 Back-propagation through time
#
# The loss is a sum over the steps, and so is its gradient. **Back-propagation through time** (BPTT, 通过时间反向传播)
# goes from the last step to the first. On the way it collects: $\delta_t$ has in it the error of step $t$ and of
# all later steps.
#
# $$\frac{\partial L}{\partial h_t} = W_{hy}^T \frac{\partial L}{\partial y_t} + W_{hh}^T \delta_{t+1} \qquad
#   \delta_t = (1 - h_t^2) \circ \frac{\partial L}{\partial h_t}$$
#
# The code that is the equation, in NumPy (`h[0]` is the state before the first step, so that `h[t + 1]` is $h_t$;
# `d_out` is $W_{hy}^T\,\partial L / \partial y_t$):

# %%
print(inspect.getsource(backpropagation.through_time))

# %% [markdown]
# The next cell compares such gradients with TensorFlow's, for four networks in double precision, from random
# weights and states. (A slide multiplies $\delta_t$ by the state of the same step for recurrent weights, too. Those
# need the state of the step before, $h_{t-1}$.)

# %%
one_hot = np.eye(len(word.vocabulary))[word.inputs]
rows = side_by_side.compare(one_hot, word.targets, hello.units, np.random.default_rng(0))
print(side_by_side.table(rows))

# %% [markdown]
# ## 3 It vanishes, or explodes
#
# Between $h_k$ and $h_t$ the gradient goes through a product of Jacobians, and its norm is bounded by
#
# $$\left\| \frac{\partial h_t}{\partial h_k} \right\| = \left\| \prod_{j=t}^{k+1} \mathrm{diag}[f'(a_j)] W
#   \right\| \le (\beta_W \beta_h)^{t-k}, \qquad h_j = f(a_j), \quad a_j = W h_{j-1} + \dots$$
#
# with $\beta_W$ the largest singular value of $W$ and $\beta_h$ the largest slope of $f$: the **vanishing or
# exploding gradient** (梯度消失/爆炸). (The slide has $W^T \mathrm{diag}[f'(h_{j-1})]$, for its model
# $h_t = W f(h_{t-1}) + \dots$; the bound is the same.)
#
# The picture shows what is left of the gradient, measured over 60 steps. ρ is the largest absolute eigenvalue of
# $W$, and the dotted lines are the bound. The last panel is about networks with **gates** (门, section 5):
# an LSTM (长短期记忆) and its forget gate (忘记门), a GRU and its update gate (更新门). Its curves differ in the bias of
# that gate.

# %%
networks = jacobians.Networks(fading, np.random.default_rng(fading.seed))
gradient_figures.jacobians(jacobians.spectral_radii(networks))

# %% [markdown]
# The bound holds, and is far above what is measured: singular values bound a single step, while eigenvalues rule the
# long run. At ρ = 1.2 the gradient explodes without an activation function. With tanh or ReLU it does not, since
# many of their slopes are below 1. A GRU or an LSTM forgets too, with the biases that Keras starts it with (0 and 1).
# With a bias of 4 it keeps the gradient: its gate can *learn* not to forget.
#
# **Change the activation or the radius:**

# %%
activation, radius = "tanh", 1.1

matrices = networks.draw(lambda n, rng: jacobians.with_radius(n, radius, rng))
measured = networks.plain(activation, matrices)
for back in (1, 5, 10, 20, 50):
    if back < len(measured.median):
        print(f"{back:3} steps back: {measured.median[back]:.2e} of the gradient is left")

# %% [markdown]
# ## 4 The wall
#
# Take one unit without inputs, $h_0 = 1/2$ and $h_t = \sigma(w h_{t-1} + b)$, and the error $(h_{50} - 0.7)^2$ as a
# function of $w$ and $b$. Where the gradient explodes this error has a wall, and gradient descent that meets the wall
# is thrown far away. **Gradient clipping** (梯度修剪) keeps the direction of the step and shortens it:
#
# $$\hat g \leftarrow \frac{\partial \mathcal E}{\partial \theta} \qquad
#   \text{if } \|\hat g\| \ge \text{threshold:} \quad \hat g \leftarrow \frac{\text{threshold}}{\|\hat g\|} \hat g$$

# %%
paths = {rule: clipping.descend(fading.descent, rule) for rule in ("none", "norm", "squared")}
gradient_figures.wall(paths)

# %% [markdown]
# (The third path follows a slide's snippet, which takes $\sum g^2$ for the norm: the square root is missing. So the
# steeper the wall, the smaller its step. That it ends lowest here is luck, and differs with the start.)
#
# ## 5 Gates remember
#
# A **long short-term memory** (LSTM, 长短期记忆) has a cell that is not squeezed through a matrix at every step:
# $C_t = f_t * C_{t-1} + i_t * \tilde C_t$. Its gates are between 0 and 1: the forget gate $f_t$ says how much of the
# old is kept, the input gate $i_t$ how much of the new comes in.
#
# A plain RNN and an LSTM learn to keep the number that they read at step 1, and to say it whenever they are asked.
# (Whoever answers 0 every time has a mean squared error of 1/3.) The picture below, after one by Graves, shows how
# sensitive each node still is to that number at each step. Both networks have 8 units and the same learning rate, and so
# the LSTM has four times as many weights. The picture shows what a gate does; it does not measure by how much an
# LSTM is better.

# %%
run = new_run(vanishing_gradients, fading)
model = vanishing_gradients.train(fading, run)
errors = vanishing_gradients.evaluate(fading, model)
print("\nmean squared error where asked:", {name: round(error, 4) for name, error in errors.items()})

# %% tags=["picture"]
asked = [fading.length * k // 3 for k in (1, 2, 3)]
gradient_figures.sensitivity(
    {
        name: memory_task.sensitivity(model, name, fading.length, asked, fading.seed)
        for name in memory_task.NETWORKS
    }
)

# %% [markdown]
# How far back can a network learn to remember? In the adding problem two of $T$ numbers are marked, and the answer is
# their sum. (Answering 1 every time has a mean squared error of 1/6.) Both cells below have as many units, the same
# learning rate, and at most the same number of batches: training stops once the problem is solved. For a fair
# comparison, with a learning rate chosen for each cell and three seeds, say `adding_problem.py compare`. **Change $T$,
# or the cells** (`simple`, `irnn`, `lstm`, `peephole`, `gru`):

# %%
length, tried = adding.lengths[0], ("simple", "gru")

for cell in tried:
    its_settings = dataclasses.replace(adding, cell=cell)
    print(f"{cell}, T = {length}")
    task = tasks.task(its_settings, length)
    model, _, _ = adding_problem.train(
        its_settings, task, new_run(adding_problem, its_settings), length
    )
    print(f"    mean squared error on new sequences: {task.test(model, seed=2)['mse']:.4f}\n")

# %% [markdown]
# ## 6 A cell that knows where it is
#
# An LSTM with peephole connections (偷窥孔连接) reads a million characters of Python once, and learns to predict the
# next character. Then a search over its 192 cells finds, for each property of the text (inside brackets? how deep is
# the code?), the cell that follows it best. The search uses one part of the text, and the table gives the score on
# another part. `c` is a cell's content, `h` its output, and a minus sign before it means that it is low where the
# property holds.
#
# - **AUC**: how often the cell is higher where the property holds than where it does not. A cell that knows nothing
#   has 0.5.
# - **r**: the correlation of the cell with what is counted. A cell that knows nothing has 0.

# %%
text = visualize_cells.load_data(cells)
model = visualize_cells.train(cells, text, new_run(visualize_cells, cells))
seen = visualize_cells.look_into(
    model, cells, text.vocabulary, text.searched, text.held_out, "the network"
)

# %%
cell_figures.strips(seen)

# %% [markdown]
# A character is on white where the cell is at its median, on blue above it, on orange below, and underlined where the
# property holds. Nobody told the network of brackets. It only had to guess the next character, and that is easier for
# a network that knows where it is.
#
# ## Exercises
#
# **1.** How does the loss of "hello" without a memory come to 0.347?
#
# <details><summary>Answer</summary>
#
# Two of the four predictions come after an "l", which is followed once by "l" and once by "o". From the "l" alone the
# best guess gives one half to each, and costs $\ln 2$ both times. The other two predictions cost nothing. The mean is
# $\frac{2 \ln 2}{4} = 0.347$.
#
# </details>
#
# **2.** In section 3, ρ = 1.2 without an activation function explodes, and with tanh it does not. Why?
#
# <details><summary>Answer</summary>
#
# With tanh the states grow only until tanh bends. From there on its slopes $1 - h^2$ are below 1: they shrink what $W$
# stretches, and the gradient neither explodes nor vanishes quickly. An explosion needs a large matrix *and* large
# slopes.
#
# </details>
#
# **3.** Give the LSTM of section 3 a forget bias of 1 in place of 0. What does that do to the gradient 50 steps back,
# and what does it assume of the task?
#
# <details><summary>Answer</summary>
#
# At each step $\sigma(1) = 0.73$ of the cell is kept, in place of $\sigma(0) = 0.5$. After 50 steps this alone leaves
# $0.73^{50} \approx 10^{-7}$ of the gradient, in place of $0.5^{50} \approx 10^{-15}$. (The curves lie higher, since the
# gradient goes through $h$ as well.) Both are small. A bias of 1 assumes that what came in is worth keeping, until
# training finds out what is not.
#
# </details>

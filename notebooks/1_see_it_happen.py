# %% [markdown]
# # See it happen
#
# *After Tollef Jahren, "INF 5400 lecture 11" (University of Oslo, 2019); Jian Li, "Deep Learning: RNN" (IIS
# Tsinghua); the lecture after Graves.*
#
# A **recurrent neural network** (RNN, 循环神经网络, also 递归神经网络) in six scenes: it spells a word; its gradient is computed by hand; gradients vanish and explode; clipping tames them; gates remember; and a cell turns out to know something that
# nobody taught it. All of it is made or read here, nothing is downloaded: the data are five letters, random
# numbers, and the source of Python's standard library. It takes two to three minutes on two CPU cores.

# %%
# %matplotlib inline
# %config InlineBackend.print_figure_kwargs = {"bbox_inches": None}
import dataclasses
import inspect
import sys

sys.path[:0] = ["../recipes"]  # this notebook calls the recipes; it copies nothing from them

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
# with the vocabulary [h, e, l, o]. After "l" comes "l", and then "o": whoever knows the last character alone
# cannot tell. The **same weights at every step** (parameter sharing in time, 在时间上共享参数), and a state that
# remembers. To **unroll** (按时间展开) it is to draw one column for each step:

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
print("fed with what it says:", hello_characters.spell(hello, word, model)[0])

# %%
hello_figures.tables({"before training": before, "after training": after})

# %% [markdown]
# ## 2 Back-propagation through time
#
# The loss is a sum over the steps, and so is its gradient. **Back-propagation through time** (BPTT, 通过时间反向传播)
# goes from the last step to the first; what a step hands back is its own error and that of all steps behind it:
#
# $$\frac{\partial L}{\partial h_t} = W_{hy}^T \frac{\partial L}{\partial y_t} + W_{hh}^T \delta_{t+1} \qquad
#   \delta_t = (1 - h_t^2) \circ \frac{\partial L}{\partial h_t}$$
#
# The code that is the equation, in NumPy (`h[0]` is the state before the first step, so that `h[t + 1]` is $h_t$;
# `d_out` is $W_{hy}^T\,\partial L / \partial y_t$):

# %%
print(inspect.getsource(backpropagation.through_time))

# %% [markdown]
# And what TensorFlow computes for the same networks, in double precision, from random weights and states. (A
# slide has $\delta_t b_t$ for recurrent weights, too; it is $\delta_t h_{t-1}$, the state of the step before.)

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
# $h_t = W f(h_{t-1}) + \dots$; the bound is the same.) Measured over 60 steps, for matrices whose largest eigenvalue is ρ; dotted,
# the bound. On the right, what **gates** (门, section 5) make of it: those of an LSTM (长短期记忆) with a forget gate (忘记门),
# and of a GRU with an update gate (更新门), by their bias.

# %%
networks = jacobians.Networks(fading, np.random.default_rng(fading.seed))
gradient_figures.jacobians(jacobians.spectral_radii(networks))

# %% [markdown]
# The bound holds and is far off: singular values bound one step, eigenvalues rule the long run, and the slopes of tanh and ReLU, many of which are below 1 (ReLU's: 0), keep the gradient from exploding at ρ = 1.2. A
# GRU or an LSTM as Keras starts it (biases 0 and 1) forgets too, and with a bias of 4 keeps: what it has is a gate
# that can learn not to.
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
# One unit without inputs, $h_0 = 1/2$, $h_t = \sigma(w h_{t-1} + b)$, and the error $(h_{50} - 0.7)^2$ for every $w$ and $b$. Where
# the gradient explodes there is a wall, and gradient descent that meets it is thrown far away. **Gradient
# clipping** (梯度修剪) keeps the direction and shortens the step:
#
# $$\hat g \leftarrow \frac{\partial \mathcal E}{\partial \theta} \qquad
#   \text{if } \|\hat g\| \ge \text{threshold:} \quad \hat g \leftarrow \frac{\text{threshold}}{\|\hat g\|} \hat g$$

# %%
paths = {rule: clipping.descend(fading.descent, rule) for rule in ("none", "norm", "squared")}
gradient_figures.wall(paths)

# %% [markdown]
# (The third path is a slide's snippet, which takes $\sum g^2$ for the norm; the square root is missing. The
# steeper the wall, the smaller its step. That it ends lower here is chance of this start.)
#
# ## 5 Gates remember
#
# A **long short-term memory** (LSTM, 长短期记忆) has a cell that is not squeezed through a matrix at every step:
# $C_t = f_t * C_{t-1} + i_t * \tilde C_t$, with gates between 0 and 1: $f_t$, the forget gate, says how much of the
# old is kept, $i_t$, the input gate, how much of the new comes in. A plain RNN and an LSTM learn to
# keep the number of step 1, and to put it out whenever they are asked. How sensitive each node still is to that number, step by step, as Graves drew it (answering 0 every time has an
# error of 1/3). Both have 8 units, which gives the LSTM four times the weights, and one learning rate: this shows
# what a gate does, and does not say by how much the LSTM is better.

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
# How far back? In the adding problem two of $T$ numbers are marked, and the answer is their sum; answering 1 every
# time has an error of 1/6. As many batches for each cell, at most: training stops when it is solved. As many units, too, and
# the same learning rate; `adding_problem.py compare` gives each cell its own, and three seeds. **Change $T$, or the cells** (`simple`,
# `irnn`, `lstm`, `peephole`, `gru`):

# %%
length, tried = adding.lengths[0], ("simple", "gru")

for cell in tried:
    its_settings = dataclasses.replace(adding, cell=cell)
    print(f"{cell}, T = {length}")
    task = tasks.task(its_settings, length)
    model, _, _ = adding_problem.train(
        its_settings, task, new_run(adding_problem, its_settings), length
    )
    print(f"    error on sequences that it has not seen: {task.test(model, seed=2)['mse']:.4f}\n")

# %% [markdown]
# ## 6 A cell that knows where it is
#
# An LSTM with peephole connections (偷窥孔连接) reads a million characters of Python, once, and learns to predict the next. Then its 192 cells are
# searched for those that follow a property of the text best (inside brackets? how deep is the code?), on one
# part of the text, and measured on another. AUC: how often the cell is higher where the property holds than where it does not; a cell that knows nothing has 0.5. r: the correlation with what is counted; 0 is none. `c` is a cell's content, `h` its output; a minus sign before it: it is low
# where the property holds.

# %%
text = visualize_cells.load_data(cells)
model = visualize_cells.train(cells, text, new_run(visualize_cells, cells))
seen = visualize_cells.look_into(
    model, cells, text.vocabulary, text.searched, text.held_out, "the network"
)

# %%
cell_figures.strips(seen)

# %% [markdown]
# White where the cell is at its median, blue above it, orange below; underlined, where the property holds. Nobody told the
# network of brackets. It only had to guess the next character, and that is easier for whoever knows where they are.
#
# ## Exercises
#
# **1.** How does the loss of "hello" without a memory come to 0.347?
#
# <details><summary>Answer</summary>
#
# Of four predictions, two are after an "l": once "l" follows, once "o". Whoever knows the "l" alone gives one half to
# each, and pays $\ln 2$ for either; the other two cost nothing. $\frac{2 \ln 2}{4} = 0.347$.
#
# </details>
#
# **2.** In section 3, ρ = 1.2 without an activation function explodes, and with tanh it does not. Why?
#
# <details><summary>Answer</summary>
#
# With tanh the states grow only until tanh bends. From there on its slopes $1 - h^2$ are below 1, and what $W$
# stretches they shrink: the gradient neither explodes nor vanishes quickly. An explosion needs a large matrix *and*
# large slopes.
#
# </details>
#
# **3.** Give the LSTM of section 3 a forget bias of 1 in place of 0. What does that do to the gradient 50 steps back,
# and what does it assume of the task?
#
# <details><summary>Answer</summary>
#
# $\sigma(1) = 0.73$ in place of $\sigma(0) = 0.5$ of the cell is kept at each step. By this alone
# $0.73^{50} \approx 10^{-7}$ of it is left in place of $0.5^{50} \approx 10^{-15}$; the curves lie higher, since the gradient goes through
# $h$ as well. Still little. It assumes that what came in is worth keeping,
# until training finds out what is not.
#
# </details>

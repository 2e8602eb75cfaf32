"""The READMEs' tables of recipes: what each shows, its data, and its duration."""

from typing import NamedTuple

from results_parts.ledger import entry, table


class Row(NamedTuple):
    """A recipe's row of the table.

    Attributes:
        recipe: The recipe's name.
        lecture: The lecture that it is from.
        sees: What the reader will see.
        data: The data, and whether they are downloaded.
        flags: The command's flags.
        recorded: Preset and settings of the entry for the minutes; `None` for none.
    """

    recipe: str
    lecture: str
    sees: str
    data: str
    flags: str = ""
    recorded: tuple | None = ("cpu", {})


LI, JAHREN = "Jian Li", "Tollef Jahren, lecture 11"
ROWS = (
    Row(
        "nietzsche_generation",
        f"{LI}, text generation",
        "a text learned character by character, then continued at several temperatures",
        "Nietzsche, downloaded",
    ),
    Row(
        "imdb_sentiment",
        f"{LI}, `imdb_lstm.py`",
        "film reviews judged, beside TF-IDF; how an opinion forms, word by word",
        "IMDB, downloaded",
        " --baseline",
    ),
    Row(
        "ptb_language_model",
        "after Graves, `ptb_word_lm.py`",
        "perplexity falls; sentences written and scored; verbs that agree with a noun far back",
        "none: a generated language",
        " --preset agreement",
        ("agreement", {"cell": "lstm"}),
    ),
    Row(
        "image_captioning",
        f"{LI}, image captioning",
        "sentences about pictures, and where the network looked",
        "none: drawn shapes",
        " --preset shapes",
        ("shapes", {}),
    ),
    Row(
        "translation",
        f"{JAHREN}, machine translation",
        "pinyin becomes English; beam search, and at which words the network looked",
        "none: a generated language",
        " --preset grammar",
        ("grammar", {}),
    ),
    Row(
        "name_tagging",
        f"{JAHREN}, bidirectional networks",
        "names found in sentences, and what is said of each word while the next ones are read",
        "none: a generated language",
        " --preset teddy",
        ("teddy", {}),
    ),
    Row(
        "gene_finding",
        "after Andrew Ng, DNA sequence analysis",
        "the genes of a genome, on both strands, beside the annotated ones; splice junctions",
        "none: comes with the project",
        " --preset lambda",
        None,
    ),
    Row(
        "time_series",
        "after Graves, a series of numbers",
        "forecasts with a band, beside the last value, a season ago and a linear autoregression",
        "none: CO2 on Mauna Loa, sunspots",
        "",
        None,
    ),
    Row(
        "hello_characters",
        f'{JAHREN}, "predicting the next character"',
        "the slide's table of \"hello\"; back-propagation through time in NumPy, beside TensorFlow's",
        "none",
        " --show",
    ),
    Row(
        "vanishing_gradients",
        f"{LI}, vanishing and exploding gradients",
        "gradients that fade and explode, what a cell still knows of step 1, the wall and clipping",
        "none",
        " --show",
    ),
    Row(
        "adding_problem",
        f"{JAHREN}, initialization",
        "how far back each cell remembers; whether peepholes count and time better",
        "none",
        " --cell gru",
        None,
    ),
    Row(
        "visualize_cells",
        f"{LI} and Tollef Jahren, after Karpathy et al.",
        "the cell that follows brackets, found by measurement; a page that colours text by any cell",
        "none: Python's own source",
        " --show",
    ),
    Row(
        "benchmark_layers",
        "none",
        "time and memory of one layer: the kit's, Keras's, and PyTorch's where it is installed",
        "none",
        "",
        None,
    ),
)


def minutes(row):
    """Formats the total minutes of one recorded run."""
    if row.recorded is None:
        return ""
    preset, settings = row.recorded
    mean = entry(row.recipe, preset, **settings)["minutes"]["mean"]
    return f"{mean:.1f}" if mean < 1 else f"{mean:.0f}"


def recipes():
    head = ["recipe", "lecture", "what you see", "data", "minutes", "command, after `recipes/`"]
    return _table(head, {row.recipe: (row.lecture, row.sees, row.data) for row in ROWS})


def recipes_zh():
    head = ["脚本", "讲义", "能看到什么", "数据", "分钟", "命令（前面加 `recipes/`）"]
    return _table(head, CHINESE)


def _table(head, said):
    rows = [
        (
            f"[{row.recipe}](recipes/{row.recipe}.py)",
            *said[row.recipe],
            minutes(row),
            f"`{row.recipe}.py{row.flags}`",
        )
        for row in ROWS
    ]
    return table(head, rows)


NONE, PYTHON = "不需要", "不需要：Python 自带的源代码"
CHINESE = {  # lecture, what the reader will see, data
    "nietzsche_generation": (
        "Jian Li，文本生成",
        "逐字符学习一段文本，再以几种温度续写",
        "尼采文集，自动下载",
    ),
    "imdb_sentiment": (
        "Jian Li，`imdb_lstm.py`",
        "判断影评的褒贬，与 TF-IDF 并列；看法如何逐词形成",
        "IMDB，自动下载",
    ),
    "ptb_language_model": (
        "依 Graves 的讲义，`ptb_word_lm.py`",
        "困惑度下降；写句子、给句子打分；动词与远处名词的一致",
        "不需要：生成的语言",
    ),
    "image_captioning": ("Jian Li，图像描述", "为图片写句子，以及网络看向何处", "不需要：画出的图形"),
    "translation": (
        "Tollef Jahren 第 11 讲，机器翻译",
        "把拼音译成英文；束搜索，以及网络写每个词时看向源句的哪些词",
        "不需要：生成的语言",
    ),
    "name_tagging": (
        "Tollef Jahren 第 11 讲，双向网络",
        "找出句中的人名；边读边看网络对每个词的判断如何改变",
        "不需要：生成的语言",
    ),
    "gene_finding": (
        "依 Andrew Ng，DNA 序列分析",
        "基因组两条链上的基因，与注释并列；剪接位点",
        "不需要：随项目附带",
    ),
    "time_series": (
        "依 Graves 的讲义，数字序列",
        "带区间的预测，与上一个值、上一季的值和线性自回归并列",
        "不需要：自带 Mauna Loa 的 CO2 和太阳黑子数",
    ),
    "hello_characters": (
        "Tollef Jahren 第 11 讲，预测下一个字符",
        "讲义上的 “hello” 表；NumPy 写的通过时间反向传播，与 TensorFlow 并列",
        NONE,
    ),
    "vanishing_gradients": (
        "Jian Li，梯度消失与爆炸",
        "消失与爆炸的梯度，单元还记得第 1 步的什么，误差面上的墙与梯度修剪",
        NONE,
    ),
    "adding_problem": (
        "Tollef Jahren 第 11 讲，初始化",
        "每种单元记得多远；偷窥孔连接是否更会计数和计时",
        NONE,
    ),
    "visualize_cells": (
        "Jian Li 与 Tollef Jahren，依 Karpathy 等",
        "用测量找出跟随括号的单元；一个按任一单元给文本着色的网页",
        PYTHON,
    ),
    "benchmark_layers": ("无", "一层的时间和内存：本库的、Keras 的，以及装了的话 PyTorch 的", NONE),
}

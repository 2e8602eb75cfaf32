"""The tables of the pages in docs: functions without arguments that return Markdown."""

import importlib
import json
import textwrap

from parts.nietzsche_generation.comparison import seconds_to_reach
from recipe_kit.figures import cell_name
from recipe_kit.runs import rows_of
from results_parts.ledger import LEDGER, entry, metrics, number, order_of, percent, seeds, table, values
from results_parts.machines import benchmarks
from results_parts.machines import machines as recorded_machines

BLEU = [f"bleu_{n}" for n in (1, 2, 3, 4)]
CELLS = ("simple", "gru", "peephole", "lstm")


def seconds(found):
    return f"{number(found['train_seconds'], 0, grouped=True)} s"


# --- ours beside the published ------------------------------------------------------------------------


# The features behind the results on Flickr8k: docs/results.md describes the files.
FEATURES = "--features POOLED.npz GRID.npz"
CAPTIONS = f"image_captioning.py --seeds 0 1 2 {FEATURES}"


def ours():
    """Yields rows of this project's results: task, command, figures."""
    imdb = "IMDB, test accuracy"
    cpu = metrics("imdb_sentiment")["test_accuracy"]
    yield imdb, "`imdb_sentiment.py --seeds 0 1 2`", number(cpu, 3)
    lecture = metrics("imdb_sentiment", "lecture")["test_accuracy"]
    yield imdb, "`imdb_sentiment.py --preset lecture`", number(lecture, 3)
    for preset in ("small", "cpu"):
        found = metrics("ptb_language_model", preset)
        figures = " / ".join(number(found[f"{part}_perplexity"], 1) for part in ("validation", "test"))
        command = f"`ptb_language_model.py --preset {preset}`"
        yield "Penn Treebank, perplexity, validation / test", command, figures
    found = metrics("image_captioning")
    bleu = " / ".join(number(found[f"test_{name}"], 1) for name in BLEU)
    yield "Flickr8k, test, BLEU-1 / 2 / 3 / 4", f"`{CAPTIONS}`, MobileNetV2 of 8 bits, 7 x 7", bleu


def _published():
    return json.loads((LEDGER / "published.json").read_text(encoding="utf-8"))


def published():
    theirs = _published()
    rows = [(*row, "this project") for row in ours()]
    rows += [(r["task"], r["system"], r["figures"], f"[{r['source']}]({r['url']})") for r in theirs]
    tasks = dict.fromkeys(row[0] for row in rows)
    rows = [row for task in tasks for row in rows if row[0] == task]
    return table(["task", "system", "figures", "source"], rows)


# --- text ---------------------------------------------------------------------------------------------


GENERATION = {
    "--preset lecture --epochs 10": ("lecture", {"epochs": 10}),
    "--preset lecture --epochs 20": ("lecture", {"epochs": 20}),
    "--preset lecture --epochs 20 --limit 100000": ("lecture", {"epochs": 20, "limit": 100_000}),
    "--seeds 0 1 2": ("cpu", {}),
    "--cell gru": ("cpu", {"cell": "gru"}),
    "--layers 2 --units 192": ("cpu", {"layers": 2, "units": 192}),
    "--layers 3 --units 150": ("cpu", {"layers": 3, "units": 150}),
    "--preset demo": ("demo", {}),
}


def generation():
    rows = []
    for command, (preset, settings) in GENERATION.items():
        recorded = entry("nietzsche_generation", preset, **settings)
        found, data = recorded["metrics"], recorded["data"]
        text = data["name"].capitalize()
        if data["name"] == "stdlib":
            text = f"standard library of Python {recorded['versions']['python']}"
        lower = ", lower case" if recorded["settings"]["lower"] else ""
        text = f"{text}, {data['characters']:,} characters{lower}"
        nats = f"{number(found['test_nats'], 3)} nats ({found['test_bits']['mean']:.3f} bits)"
        rows.append((f"`{command}`", text, f"{nats}, {seeds(recorded)}", seconds(found)))
    return table(["`nietzsche_generation.py`", "text", "held out, a character", "training"], rows)


def listing_time():
    """Returns a sentence on the share of the listing's time that `cpu` takes to its last loss."""
    listing = entry("nietzsche_generation", "lecture", epochs=10)
    cpu = entry("nietzsche_generation")
    try:
        end = rows_of(listing, listing["seeds"][0])[-1]
        reached = [seconds_to_reach(rows_of(cpu, seed), end["val_loss"]) for seed in cpu["seeds"]]
    except LookupError:
        # Old entries without learning curves have only the final values.
        ends = (
            f"{number(found['validation_nats'], 3)} nats on validation after {seconds(found)}"
            for found in (cpu["metrics"], listing["metrics"])
        )
        return "`cpu` ends at {}, the listing, after 10 epochs, at {}.".format(*ends)
    parts = [f"{t / end['seconds']:.2f}" if t else "never" for t in reached]
    cores = [f"{recorded['machine']['cores']}" for recorded in (cpu, listing)]
    where = f"both on {cores[0]} CPU core{'s' * (cores[0] != '1')}"
    if cores[0] != cores[1]:
        where = f"`cpu` on {cores[0]} CPU cores, the listing on {cores[1]}"
    return (
        f"`cpu` has the validation loss that the listing has after {end['epoch']:.0f} epochs in "
        f"{', '.join(parts)} of the listing's time ({seeds(cpu)}; {where}, and other work beside them)."
    )


def sentiment():
    lectures, cpu = entry("imdb_sentiment", "lecture"), entry("imdb_sentiment")
    bare = entry("imdb_sentiment", pairs=None)
    lecture, both, without_pairs = (recorded["metrics"] for recorded in (lectures, cpu, bare))
    kept, last = (f"{lecture[name]['mean']:.0f}th" for name in ("kept_epoch", "epochs"))
    accuracy = f"accuracy, {seeds(cpu)}"
    rows = [
        (
            f"`--preset lecture`, its best epoch on validation, the {kept}",
            f"{number(lecture['test_accuracy'], 3)} ({seeds(lectures)})",
            "",
        ),
        (f"and its last, the {last}", number(lecture["test_accuracy_last_epoch"], 3), seconds(lecture)),
        (
            "`--seeds 0 1 2 --baseline`: TF-IDF of words, logistic regression",
            number(both["test_accuracy_tfidf"], 3),
            "",
        ),
        ("TF-IDF of words and pairs of words", number(both["test_accuracy_tfidf_with_pairs"], 3), ""),
        (
            "the network beside them, the `cpu` preset",
            number(both["test_accuracy"], 3),
            seconds(both),
        ),
        (
            "`--pairs none`: the recurrent states alone",
            f"{number(without_pairs['test_accuracy'], 3)} ({seeds(bare)})",
            seconds(without_pairs),
        ),
    ]
    return table(["`imdb_sentiment.py`", accuracy, "training"], rows)


def sentiment_cells():
    from scipy import stats

    lstm = metrics("imdb_sentiment", "compare", cell="lstm")["test_accuracy"]["values"]
    rows = []
    for cell in CELLS:
        recorded = entry("imdb_sentiment", "compare", cell=cell)
        settings, accuracy = recorded["settings"], recorded["metrics"]["test_accuracy"]
        against = ""
        if cell != "lstm":
            welch = stats.ttest_ind(accuracy["values"], lstm, equal_var=False)
            low, high = welch.confidence_interval(0.95)
            difference = accuracy["mean"] - sum(lstm) / len(lstm)
            against = f"{difference:+.4f} ({low:+.4f} to {high:+.4f})"
        rate = f"{settings['learning_rate']:g}"
        rows.append((cell_name(cell), str(settings["units"]), rate, number(accuracy, 4), against))
    against = "against the LSTM (95 %, Welch's t)"
    return table(["cell", "units", "learning rate", "accuracy", against], rows)


def perplexity():
    rows = []
    for preset, name in (
        ("cpu", "the `cpu` preset"),
        ("small", "`--preset small`, the lecture's settings"),
    ):
        recorded = entry("ptb_language_model", preset)
        found = recorded["metrics"]
        validation, test = (number(found[f"{part}_perplexity"], 1) for part in ("validation", "test"))
        rows.append((f"{name}, {seeds(recorded)}", validation, test, seconds(found)))
    words = recorded["data"]["train_tokens"]
    rows.append(("the `medium` preset, not run to its end", "", "", medium_would_take(words)))
    return table(["`ptb_language_model.py`", "validation", "test", "training"], rows)


def medium_would_take(words):
    """Returns how long the epochs of `medium` would take, by the benchmark's speed.

    Args:
        words: Words an epoch.
    """
    epochs = importlib.import_module("ptb_language_model").PRESETS["medium"].epochs
    told = []
    for name, measured in benchmarks().items():
        for row in measured["models"]:
            if (row["model"], row["cell"]) == ("ptb_language_model medium", "lstm"):
                speed = row["words_per_second"]
                hours = epochs * words / speed / 3600
                told.append(f"{hours:.1f} h at {speed:,.0f} words a second (machine {name})")
    return "; ".join(told)


AGREEMENT_CELLS = ("simple", "gru", "lstm")
DISTANCES = {
    **{n: f"{n}" for n in range(1, 7)},
    **{7: "7 to 9", 10: "10 to 19", 20: "20 to 29", 30: "30 to 49", 50: "50 and more"},
}


def agreement():
    rows = []
    for cell in AGREEMENT_CELLS:
        recorded = entry("ptb_language_model", "agreement", cell=cell)
        settings, found = recorded["settings"], recorded["metrics"]
        above = found["test_perplexity"]["mean"] / found["test_true_perplexity"]["mean"] - 1
        rows.append(
            (
                cell_name(cell),
                str(settings["units"]),
                f"{found['weights']['mean']:,.0f}",
                f"{settings['learning_rate']:g}",
                number(found["test_perplexity"], 3),
                f"{100 * above:.1f} %",
                values(found["test_largest_distance"]),
                seconds(found),
            )
        )
    head = ["cell", "units", "weights", "learning rate", "perplexity", "above the language's own"]
    return table([*head, "verbs agree up to, a seed each", "training"], rows)


def agreement_by_distance():
    found = [metrics("ptb_language_model", "agreement", cell=cell) for cell in AGREEMENT_CELLS]
    rows = []
    for first, name in DISTANCES.items():
        sentences = f"{found[0][f'test_sentences_{first}']['mean']:,.0f}"
        shares = (number(of[f"test_agreement_{first}"], 3) for of in found)
        rows.append((name, sentences, *shares))
    head = ["words from noun to verb", "test sentences", *map(cell_name, AGREEMENT_CELLS)]
    return table(head, rows)


# --- captions -----------------------------------------------------------------------------------------


def captions():
    found = metrics("image_captioning")
    scores = [number(found[f"test_{name}"], 1) for name in BLEU]
    scores += [number(found["test_cider"], 3), number(found["test_perplexity"], 1)]
    time = f"{found['train_seconds']['mean']:,.0f} s"
    (soft,) = (row for row in _published() if row["system"].startswith("soft attention"))
    theirs = [*soft["figures"].split(" / "), "", "", ""]
    head = ["", "BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "CIDEr", "perplexity", "training"]
    rows = [
        (f"`{CAPTIONS}`, the `cpu` preset", *scores, time),
        ("soft attention in Xu et al. 2015 (arXiv:1502.03044), features by VGG", *theirs),
    ]
    return table(head, rows)


def caption_decodings():
    found = metrics("image_captioning")
    rows = []
    for way in ("greedy", "sampling", "beam_1", "beam_3", "beam_5", "beam_10"):
        mean = {name: found[f"validation_{way}_{name}"]["mean"] for name in (*BLEU, "cider", "words")}
        bleu = [f"{mean[name]:.1f}" for name in BLEU]
        new, words = percent(found[f"validation_{way}_new"]), f"{mean['words']:.1f}"
        rows.append((way.replace("_", " "), *bleu, f"{mean['cider']:.3f}", new, words))
    head = ["", "BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "CIDEr", "new", "words a caption"]
    return table(head, rows)


def caption_decoders():
    rows = []
    ways = [(d, v) for v in ("pooled", "grid") for d in ("init", "input", "merge")]
    for decoder, vector in [*ways, ("attention", "grid")]:
        found = metrics("image_captioning", "compare", decoder=decoder, vector=vector)
        sees = "pooled features" if vector == "pooled" else "mean of grid"
        sees = "the grid" if decoder == "attention" else sees
        bleu = [f"{found[f'validation_beam_3_{name}']['mean']:.1f}" for name in BLEU]
        cider = f"{found['validation_beam_3_cider']['mean']:.3f}"
        rows.append((f"`{decoder}`", sees, *bleu, cider))
    return table(["`--decoder`", "sees", "BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "CIDEr"], rows)


# --- translation ------------------------------------------------------------------------------------


def grammar():
    rows = []
    for flags, attention in (("", "additive"), (" --attention none", "none")):
        found = metrics("translation", "grammar", attention=attention)
        rows.append(
            (
                f"`translation.py --preset grammar{flags} --seeds 0 1 2`",
                number(found["test_truth"], 3),
                number(found["test_longer_truth"], 3),
                number(found["test_bleu"], 1),
                number(found["test_perplexity"], 2),
                seconds(found),
            )
        )
    head = ["", "true", "of longer sentences", "BLEU", "perplexity", "training"]
    return table(head, rows)


# --- tags --------------------------------------------------------------------------------------------


def names():
    rows = []
    for name, flags, both in (
        ("reads one way", " --no-bidirectional", False),
        ("reads both ways", "", True),
    ):
        found = metrics("name_tagging", "teddy", bidirectional=both)
        rows.append(
            (
                f"{name}: `name_tagging.py --preset teddy{flags} --seeds 0 1 2`",
                number(found["test_accuracy_in_doubt"], 3),
                number(found["test_f1"], 3),
                f"{found['weights']['mean']:,.0f}",
            )
        )
    dictionary = f"{found['test_f1_dictionary']['mean']:.3f}"
    rows.append(("a dictionary of the training part's names", "", dictionary, ""))
    return table(["", "words in doubt that are right", "F1 of names", "weights"], rows)


# --- series ------------------------------------------------------------------------------------------


def riders():
    found, rows = metrics("time_series", "chicago"), []
    for name, of in (
        ("the network: `time_series.py --preset chicago --seeds 0 1 2`", ""),
        ("a linear autoregression", "_linear"),
        ("the value a week ago", "_season"),
        ("the last value", "_last"),
    ):
        errors = (found[f"{part}_mae{of}"] for part in ("validation", "test"))
        if of:
            rows.append((name, *(f"{error['mean']:,.0f}" for error in errors)))
        else:
            rows.append((name, *(number(error, 0, grouped=True) for error in errors)))
    head = ["mean absolute error, riders", "validation, spring of 2019", "test, summer of 2019 to 2021"]
    return table(head, rows)


# --- see it happen ------------------------------------------------------------------------------------


def _left(names):
    """Returns the shares of gradients left 50 steps back."""
    found = metrics("vanishing_gradients")
    return [order_of(found[f"{name}_50_back"]["mean"]) for name in names]


def gradient_radii():
    rows = []
    names = {"linear": "no activation function", "tanh": "tanh", "relu": "ReLU"}
    for activation, name in names.items():
        rows.append((name, *_left([f"{activation}_{radius}" for radius in ("0.8", "1.0", "1.2")])))
    return table(["", "ρ = 0.8", "ρ = 1", "ρ = 1.2"], rows)


def gradient_starts():
    rows = []
    starts = {"glorot": "Glorot", "1_n": "1/n", "orthogonal": "orthogonal", "identity": "identity"}
    for activation in ("tanh", "ReLU"):
        names = [f"{activation.lower()}_{start}" for start in starts]
        rows.append((f"{activation}, driven", *_left(names)))
    return table(["", *starts.values()], rows)


def gradient_gates():
    names = [*(f"lstm_forget_bias_{b}" for b in (0, 1, 4)), *(f"gru_update_bias_{b}" for b in (0, 4))]
    return table(["LSTM, forget bias 0", "1", "4", "GRU, update bias 0", "4"], [_left(names)])


def _a_column_a_seed(recorded):
    return [f"seed {seed}" for seed in recorded["seeds"]]


def adding():
    rows = []
    for cell in ("simple", "irnn", "lstm", "peephole", "gru"):
        recorded = entry("adding_problem", "compare", cell=cell)
        lengths = recorded["metrics"]["test_largest_length"]["values"]
        rows.append((cell_name(cell), *(f"{length:.0f}" for length in lengths)))
    return table(["cell", *_a_column_a_seed(recorded)], rows)


def peepholes():
    rows = []
    for cell in ("lstm", "peephole"):
        counted = metrics("adding_problem", "anbn", cell=cell)["test_largest_n"]
        timed = metrics("adding_problem", "timing", cell=cell)
        right = [values(timed[f"test_right{twice}"], 2) for twice in ("", "_twice_as_long")]
        rows.append((cell_name(cell), values(counted), *right))
    return table(["cell", "a^n b^n", "spikes, 60 steps", "spikes, 120 steps"], rows)


def followed():
    properties = {
        "auc_inside_brackets": "inside brackets",
        "r_position_in_line": "position in line",
        "auc_inside_a_comment": "inside a comment",
        "auc_inside_quotes": "inside quotes",
        "auc_inside_an_if_body": "inside an `if` body",
        "r_bracket_depth": "bracket depth",
        "r_indentation_depth": "indentation depth",
    }
    recorded, rows = entry("visualize_cells"), []
    for name, in_words in properties.items():
        measure = "AUC" if name.startswith("auc") else "correlation"
        scores = [f"{value:.3f}" for value in recorded["metrics"][f"test_{name}"]["values"]]
        rows.append((in_words, measure, *scores))
    return table(["property", "score, held out", *_a_column_a_seed(recorded)], rows)


# --- speed --------------------------------------------------------------------------------------------


def machines():
    """Returns a table of the machines of all recorded runs, with their letters in other tables."""
    rows = []
    for machine in recorded_machines():
        described, measured = machine.described, machine.benchmarks()
        products = [e["products_per_second"] for e in measured if "products_per_second" in e]
        speed = ", ".join(f"{each / 1e9:.0f}" for each in products)
        reported = all("reported" in e for e in machine.entries)
        memory = described.get("memory_gib")
        rows.append(
            (
                machine.name,
                described.get("accelerator") or described.get("cpu", "model not recorded"),
                ", ".join(described.get("instruction_sets", ())) or "not recorded",
                str(described["cores"]),
                f"{memory:.1f} GiB" if memory else "not recorded",
                speed or "not recorded",
                "; ".join(dict.fromkeys(map(_versions, machine.entries))),
                f"{len(machine.entries)}{', reported' if reported else ''}",
            )
        )
    head = ["machine", "processor", "instruction sets", "cores", "memory"]
    return table([*head, "GFLOP/s of a large product, float32", "versions", "entries"], rows)


def _versions(recorded):
    names = {"python": "Python", "tensorflow": "TensorFlow", "keras": "Keras"}
    known = recorded["versions"] or {}
    said = [f"{name} {known[key]}" for key, name in names.items() if key in known]
    if "torch" in (recorded.get("torch") or {}):
        said.append(f"PyTorch {recorded['torch']['torch']}")
    return ", ".join(said) or "not recorded"


KITS = {"lstm": "`PeepholeLSTM`", "gru": "`GRU`"}


def _layer(measured, kind, sizes):
    """Returns one shape's results on one machine: Keras's milliseconds, and ratios to Keras.

    Times are forward and back, for the kit and PyTorch; the kit's peak memory is relative to Keras's.
    Missing measurements are `None`. PyTorch counts only with a process of its own, as it is slower
    beside TensorFlow.
    """
    rows = {r["of"]: r for r in measured["rows"] if r["layer"] == kind and tuple(r["shape"]) == sizes}
    times = {of: row["forward_backward"] for of, row in rows.items()}
    found = {"ratio": times["kit"]["ratio"], "keras_ms": None, "torch": None, "memory": None}
    if "median_ms" in times["kit"]:
        found["keras_ms"] = times["kit"]["median_ms"] / times["kit"]["ratio"]
        if measured.get("torch") and "torch" in times:
            found["torch"] = times["torch"]["median_ms"] / found["keras_ms"]
    if "peak_mib" in rows["kit"]:
        found["memory"] = rows["kit"]["peak_mib"] / rows["keras"]["peak_mib"]
    return found


def _shapes(measured):
    return list(dict.fromkeys(tuple(row["shape"]) for row in measured))


def layers():
    """Returns a row a shape and machine, and below them a summary of all machines."""
    rows, entries = [], benchmarks()
    for sizes in _shapes(row for measured in entries.values() for row in measured["rows"]):
        for name, measured in entries.items():
            if sizes not in _shapes(measured["rows"]):
                continue
            cells = [", ".join(map(str, sizes)), name]
            for kind in KITS:
                found = _layer(measured, kind, sizes)
                own = found["keras_ms"]
                cells.append("" if own is None else f"{own:.{0 if own >= 100 else 1}f}")
                numbers = (found["ratio"], found["memory"], found["torch"])
                cells += ["" if each is None else f"{each:.2f}" for each in numbers]
            rows.append(cells)
    head = ["steps, sequences, features, units", "machine"]
    for kind, kit in KITS.items():
        head += [f"Keras's `{kind.upper()}`, ms", kit, "memory", f"`torch.nn.{kind.upper()}`"]
    measured = [i for i in range(len(head)) if any(row[i] for row in rows)]
    head, rows = ([[cells[i] for i in measured] for cells in part] for part in ([head], rows))
    return f"{table(head[0], rows)}\n\n{in_words()}"


def in_words():
    """Returns a sentence on the kit's time relative to Keras's on every measured machine."""
    entries, found = benchmarks(), {}
    for kind in KITS:
        found[kind] = [
            _layer(measured, kind, sizes)
            for measured in entries.values()
            for sizes in _shapes(measured["rows"])
        ]
    said = []
    for kind, kit in KITS.items():
        ratios = [each["ratio"] for each in found[kind]]
        most, least = f"at most {max(ratios):.2f}", f"at least {min(ratios):.2f}"
        said.append(f"{kit} takes {most} and {least} of the time of Keras's `{kind.upper()}`")
    on = f"each of the {len(entries)} machines" if len(entries) > 1 else "the one machine"
    words = f"On {on} measured, at all shapes, forward and back, {', and '.join(said)}."
    memory = [each["memory"] for kind in KITS for each in found[kind] if each["memory"] is not None]
    if memory:
        words += f" Their peak memory, where it was measured, is at most {max(memory):.2f} of Keras's."
    for kind, kit in KITS.items():
        shares = [each["torch"] / each["ratio"] for each in found[kind] if each["torch"] is not None]
        if shares:
            words += (
                f" `torch.nn.{kind.upper()}`, in a process of its own, takes {min(shares):.2f} to "
                f"{max(shares):.2f} of the time of {kit}."
            )
    return "\n".join(textwrap.wrap(words, 104, break_on_hyphens=False))


def models():
    """Returns a row a model and cell: words (or characters) a second on each machine, and the ratio."""
    entries = {name: measured for name, measured in benchmarks().items() if measured["models"]}
    found = {
        (row["model"], row["cell"]): {} for measured in entries.values() for row in measured["models"]
    }
    for name, measured in entries.items():
        for row in measured["models"]:
            cells = f"{row['words_per_second']:,.0f}", f"{row['speedup']:.2f}"
            found[row["model"], row["cell"]][name] = cells
    rows = []
    for (model, cell), on in found.items():
        recipe, preset = model.split()
        figures = [figure for name in entries for figure in on.get(name, ("", ""))]
        rows.append((f"`{recipe}.py`, `{preset}`", cell, *figures))
    head = [
        text for name in entries for text in (f"words or characters a second, {name}", f"speed, {name}")
    ]
    return table(["recipe and preset", "cell", *head], rows)

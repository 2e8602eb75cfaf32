"""A bidirectional network labels every base of a genome: no gene, a gene, a gene on the other strand.

What you will see: the network has found in four letters where the genes begin and end. A stretch of a
genome is drawn with its annotated genes as arrows on both strands, the found ones beside them, and the
probability of every label at every base (`stretch.png`). On 60 bases around splice junctions, the
smaller task of the two, the recipe prints accuracy and confusion over ten folds.

    x_t = Σ_(i<3) E_i[word at base 3 t + i]             overlapping words of 3 or 6 bases, embedded
    c_t = relu(W [x_(t-2) ... x_(t+2)] + b)             a step and its neighbours
    →h_t = RNN(c_t, →h_(t-1)), ←h_t = RNN(c_t, ←h_(t+1))
    p(s_t | x) = softmax(V [→h_t; ←h_t] + d)            s_t: none, or one of 3 frames on 2 strands
    L   = -(1/T) Σ_t ln p(s_t | x)                      in nats a codon

A gene is read in codons of three bases. So a step of the network is three bases wide, and its label
names the strand and the reading frame of the codon there. Summed over the frames, that is the
probability of the three labels that are scored, base by base. `--crf` adds a conditional random field,
which scores whole paths of labels. A gene is an open reading frame whose codons are probable
(`parts/gene_finding/decoding.py`): so it ends with a stop codon and begins with a start codon.

- Each window is of one of the two strands, drawn at random: the reverse complement of a genome is one
  too, with the labels of the strands swapped.
- The genome is cut by position: the last fifth is the test, a tenth before it validates.
- Where genes of both strands overlap, a base has the label of the longest: the run says how many bases.

After the notes on Andrew Ng's sequence-model course (002), whose example "DNA sequence analysis" is to
find the part of AGCCCCTGTGAGGAAGTAG that is expressed as a protein; the bidirectional network is the
lecture's after Graves (001). Junctions: Towell and Shavlik 1994, "Knowledge-based artificial neural
networks" (Artificial Intelligence 70). Prodigal, whose genes are scored beside the network's if
pyrodigal is installed: Hyatt et al. 2010 (BMC Bioinformatics 11:119).

How to run it:

    python recipes/gene_finding.py --preset lecture    junctions, ten folds; no download
    python recipes/gene_finding.py --preset splice     the same, by four networks together
    python recipes/gene_finding.py --preset lambda     the genes of phage lambda; no download
    python recipes/gene_finding.py                     a bacterium of 2.2 million bases
    python recipes/gene_finding.py --data genome.gbk   your own: GenBank, EMBL, or FASTA beside GFF3
    python recipes/gene_finding.py find genome.fasta   its genes as GFF3, and a picture
    python recipes/gene_finding.py compare             RNN, BRNN, with and without a CRF; three seeds
    python recipes/gene_finding.py --resume            go on after Ctrl-C or a crash

(with .venv/bin/python for `python`, after `make demo`.)
"""

from pathlib import Path

import recipe_kit.quiet_tensorflow  # noqa: F401  TensorFlow, before anything else imports it
import keras

from parts.gene_finding import (
    baselines,
    command_line,
    comparison,
    finding,
    folds,
    lessons,
    networks,
    reading,
    run_figures,
)
from parts.gene_finding.settings import PRESETS, SPLICE, Settings
from recipe_kit import cli, figures
from recipe_kit.datasets import splice
from recipe_kit.runs import saved_run
from rnn_kit import callbacks as kit
from rnn_kit import losses

RECIPE = "gene_finding"
LEDGER = Path(__file__).parent / "results"


def load_data(settings):
    """Loads the junctions, or a genome cut into three parts."""
    return splice.load_splice() if settings.data == SPLICE else lessons.load(settings)


def build_model(settings):
    """Builds the network of a genome, `networks.labeller`, or of junctions, `networks.judges`."""
    return networks.judges(settings) if settings.data == SPLICE else networks.labeller(settings)


def train(settings, data, run):
    """Learns the labels of a genome. Returns the model, with the weights of its best epoch."""
    checkpoint = kit.Checkpoint(run, settings.checkpoint_seconds)
    model = build_model(settings)
    rate = keras.optimizers.schedules.CosineDecay(
        settings.learning_rate, settings.steps * settings.epochs
    )
    optimizer = keras.optimizers.Adam(rate, global_clipnorm=settings.clip_norm)
    if settings.crf:  # whose loss is that of a whole window
        codons = settings.window // networks.CODON
        model.compile(optimizer, losses.CRFNegativeLogLikelihood(), loss_weights=[1 / codons])
    else:
        model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    bases = settings.steps * settings.batch_size * settings.window
    callbacks = [
        reading.ValidatePart(reading.reader_of(model, settings), data.validation),
        kit.Throughput(bases, "bases"),
        kit.EpochLog(run.append_history, bases),
        kit.StopOnNaN(),
        cli.keep_best("val_accuracy", "max"),
    ]
    print(f"{described(settings)}, {model.count_params():,} weights; {bases:,} bases an epoch")
    dataset = lessons.training_batches(settings, data.train, checkpoint.first_batch)
    with cli.saved_on_interrupt(run, lambda: model, "Find genes", "find", "GENOME"):
        checkpoint.fit(model, dataset, settings.steps, settings.epochs, callbacks)
    return model


def described(settings):
    """Returns the network in words."""
    ways = "bidirectional " * settings.bidirectional
    field = ", a CRF above" * settings.crf
    return f"{ways}{figures.cell_name(settings.cell)} of {settings.layers} x {settings.units}{field}"


def evaluate(settings, model, data):
    """Chooses what makes a gene on validation, then reads the test part, once."""
    return finding.evaluate(settings, model, data)


def label_genome(settings, data, run):
    """Runs from a genome's parts to the result. Returns the metrics."""
    cli.report_start(run, finding.described(data), data.notes)
    model = train(settings, data, run)
    run.save_model(model)
    history = run.history()
    found, of_test = evaluate(settings, model, data)
    metrics = {
        "weights": model.count_params(),
        "epochs": len(history),
        "kept_epoch": cli.best_row(history, "val_accuracy", "max")["epoch"],
        "train_seconds": history[-1]["seconds"],
        "bases_per_second": history[-1]["tokens"] / history[-1]["seconds"],
        **found,
        "test_accuracy_most_frequent": baselines.most_frequent(data.test),
    }
    prodigal = baselines.prodigal(data) if settings.baselines else None
    metrics |= {f"test_prodigal_{name}": value for name, value in (prodigal or {}).items()}
    run.write_result(data.info, settings.seed, metrics)
    with cli.drawing():
        run_figures.draw(run, data, of_test, metrics)
    print(f"\n{finding.table(metrics, prodigal is not None or not settings.baselines)}")
    cli.report_end(run, "find the genes of a genome with it", "find", "GENOME")
    return metrics


def judge_junctions(settings, data, run):
    """Trains and tests a network a fold, and writes the result. Returns the metrics."""
    info = data.info
    cli.report_start(
        run,
        f"{info['name']}: {info['sequences']:,} sequences of {splice.LENGTH} bases, of which "
        f"{info['duplicates']} are duplicates, in the fold of their like; {described(settings)}",
        [
            f"{settings.folds} of ten folds are the test in turn; "
            + ("the next validates, eight train" if settings.validate else "nine train")
        ],
    )
    model, done = folds.train(settings, data, run)
    table = folds.confusion(data, done)
    metrics = {
        "weights": model.count_params(),
        "folds": len(done),
        "epochs": settings.epochs,
        **folds.metrics(table, done, data),
    }
    if settings.baselines:
        others = baselines.of_junctions(data, settings.folds, settings.validate)
        metrics |= {f"test_accuracy_{name}": value for name, value in others.items()}
    run.write_result(info, settings.seed, metrics)
    with cli.drawing():
        run_figures.draw_junctions(run, table, metrics)
    print(f"\naccuracy over {table.sum():,} test sequences of {len(done)} folds")
    rows = {"network": metrics["test_accuracy"]}
    if settings.baselines:
        rows |= {"logistic regression": others["logistic_regression"], "SVM, RBF kernel": others["svm"]}
    for name, value in rows.items():
        print(f"{name:24}{value:.4f}")
    print(f"written to {run.path}: {', '.join(run.names())}")
    return metrics


def run_one(settings, open_run):
    """Runs from the data to the result. Returns the metrics."""
    cli.set_seed_and_dtype(settings)
    data = load_data(settings)
    run = open_run(data.info)
    return (judge_junctions if settings.data == SPLICE else label_genome)(settings, data, run)


def parse(argv):
    return command_line.parse(argv, RECIPE, __doc__)


def main(argv=None):
    flags = parse(argv)
    if flags.verb == "find":
        run = saved_run(flags.run, RECIPE)
        return finding.find(run, run.settings(Settings), flags)

    def train_runs(flags):
        return cli.run_seeds(RECIPE, flags, PRESETS, Settings, run_one, LEDGER)

    if flags.verb == "compare":
        return comparison.compare(RECIPE, flags, PRESETS, train_runs)
    return train_runs(flags)


if __name__ == "__main__":
    cli.run_recipe(main)

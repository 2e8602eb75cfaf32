"""The settings of the recipe and their presets."""

import dataclasses
from dataclasses import dataclass

from recipe_kit import cli
from recipe_kit.cli import setting

SPLICE = "splice"  # the data whose task is to judge sequences; all others are genomes


@dataclass(frozen=True)
class Settings:
    DATA = "data and run"
    FILES = (
        *("curves.png", "stretch.png", "genes.gff3", "found.png"),
        *("confusion.png", "folds.json"),
    )

    data: str = cli.data(
        "spn23f",
        "splice (junctions), lambda, spn23f, or your own genome: GenBank, EMBL, FASTA beside GFF3",
        (SPLICE, "lambda", "spn23f"),
    )
    annotation: str | None = setting(None, "GFF3 file of the genes of a FASTA file", group=DATA)
    limit: int | None = setting(
        None, "bases of the genome to use", cli.int_at_least(1000), group=DATA, of_data=True
    )
    folds: int = setting(
        10,
        "of the ten folds of junctions, those that are the test in turn",
        cli.positive_int,
        group=DATA,
    )
    seed: int = setting(0, "of weights and windows", cli.seed, group=DATA)
    checkpoint_seconds: float = cli.checkpoint_seconds()
    networks: int = setting(
        1, "of a fold of junctions, whose probabilities are averaged", cli.positive_int
    )
    validate: bool = setting(
        True,
        "a fold of junctions chooses the epoch; else the network learns from it too, to the last epoch",
    )
    baselines: bool = setting(
        True,
        "logistic regression and an SVM of junctions, Prodigal (if installed) of a genome as well",
        group=DATA,
        affects_results=False,
    )
    word: int = setting(6, "bases of an embedded word: 3 are a codon, 6 two", cli.positive_int)
    embedding: int = setting(64, "size of a word's vector", cli.positive_int)
    neighbours: int = setting(
        5, "steps that a convolution reads before the recurrent layer; 0: none", cli.int_at_least(0)
    )
    cell: str = setting("kit-gru", "the recurrent layers", choices=cli.CELLS)
    bidirectional: bool = setting(True, "read in both directions")
    layers: int = setting(1, "recurrent layers", cli.positive_int)
    units: int = setting(128, "of each, in each direction", cli.positive_int)
    dropout: float = setting(0.2, "before and behind each recurrent layer", cli.fraction)
    crf: bool = setting(False, "a conditional random field over a genome's labels")
    window: int = setting(1500, "bases that are learned from at once", cli.int_at_least(300))
    batch_size: int = setting(16, "windows, or sequences", cli.positive_int)
    steps: int = setting(64, "batches of an epoch on a genome", cli.positive_int)
    epochs: int = setting(50, "of training; on junctions, of each fold", cli.positive_int)
    learning_rate: float = setting(
        3e-3, "of Adam, at the start; half a cosine, to nothing", cli.positive
    )
    clip_norm: float | None = setting(1.0, "largest norm of all gradients together", cli.positive)
    thresholds: tuple[float, ...] = setting(
        (5.0, 10.0, 15.0),
        "what a gene's codons must add up to (p - 1/2 each); validation chooses",
        cli.positive,
    )
    dtype: str = setting("float32", "dtype policy", choices=cli.DTYPES)


# fmt: off
# A plain bidirectional network that reads base by base: the lecture's.
JUNCTIONS = Settings(
    data=SPLICE, word=1, embedding=32, neighbours=0, cell="simple", units=32, batch_size=64, epochs=10,
    learning_rate=5e-3,
)
LAMBDA = Settings(
    data="lambda", word=3, embedding=32, units=48, dropout=0.3, steps=8, epochs=30,
)
PRESETS = {
    "smoke": dataclasses.replace(
        LAMBDA, limit=24_000, units=8, embedding=8, window=600, batch_size=4, steps=3, epochs=2,
    ),
    "lecture": JUNCTIONS,
    SPLICE: dataclasses.replace(JUNCTIONS, networks=4, validate=False),
    "lambda": LAMBDA,
    "cpu": Settings(),
    # What compare trains: the lecture's plain cell, so that direction matters.
    "compare": dataclasses.replace(LAMBDA, cell="simple", units=64, epochs=30),
}
# fmt: on

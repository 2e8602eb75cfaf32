"""Finds the genes of a sequence with a trained network, and writes them as GFF3."""

import json
import sys
import urllib.parse
from pathlib import Path
from typing import NamedTuple

import numpy as np

from parts.gene_finding import decoding, drawing, reading, run_figures
from parts.gene_finding.settings import SPLICE
from recipe_kit import cli, figures
from recipe_kit.datasets import genomes
from recipe_kit.runs import RESULT, RunError, atomic_write

SOURCE = "gene_finding"
GFF, PICTURE = "genes.gff3", "found.png"


class Found(NamedTuple):
    """What a network says of a sequence.

    Attributes:
        probabilities: `(n, 3)`, of the labels of every base.
        genes: A list of `genomes.Gene`.
        scores: Their s, as of `decoding.genes_of`.
    """

    probabilities: np.ndarray
    genes: list
    scores: list


def read(reader, ids, least):
    """Reads ids `(n,)`: `Found`."""
    codons = reader.codons(ids)
    return Found(reading.of_bases(codons, len(ids)), *decoding.genes_of(codons, ids, least))


def choose_threshold(reader, part, thresholds):
    """Returns the threshold of genes with which most stops are right on a part, by the F1 score."""
    codons = reader.codons(part.ids)

    def f1(least):
        found = decoding.scores(decoding.genes_of(codons, part.ids, least)[0], part)
        precision, recall = found["stops_right"], found["stops_found"]
        return 2 * precision * recall / max(1e-9, precision + recall)

    return max(thresholds, key=f1)


def as_gff3(named):
    """Returns the text of a GFF3 file.

    Args:
        named: Triples of a record's name, its number of bases and its `Found`.
    """
    lines, number = ["##gff-version 3"], 0
    for name, count, found in named:
        name = urllib.parse.quote(name, safe=".:^*$@!+_?-|")
        lines.append(f"##sequence-region {name} 1 {count}")
        for gene, score in zip(found.genes, found.scores, strict=True):
            number += 1
            ((start, end, strand),) = gene.parts
            about = f"ID=gene_{number:05d}"
            if not (gene.has_start and gene.has_end):
                about += ";partial=true"
                whole = (gene.has_start, gene.has_end)[::strand]  # at the columns' start and end
                about += "" if whole[0] else f";start_range=.,{start + 1}"
                about += "" if whole[1] else f";end_range={end},."
            fields = name, SOURCE, "CDS", start + 1, end, f"{score:.1f}", "+-"[strand < 0], 0, about
            lines.append("\t".join(map(str, fields)))
    return "\n".join(lines) + "\n"


def find(run, settings, flags):
    """Writes the genes of a genome as GFF3, and draws a stretch of it into the run's folder.

    Args:
        run: The saved `Run`, of a genome.
        settings: Of the run.
        flags: With `genome`, `gff`, `stretch` and perhaps `annotation`.

    Returns:
        A dict of records' names to `Found`.

    Raises:
        UserError, DataError, RunError: with one line for the user.
    """
    if settings.data == SPLICE:
        raise cli.UserError(
            f"{run.path} learned to judge splice junctions: expected a run on a genome. Name one with "
            "--run, or train one: --preset lambda."
        )
    genome = genomes.load_genome(flags.genome, getattr(flags, "annotation", None), needs_genes=False)
    first = genome.records[0]
    begin, end = flags.stretch or (None, None)
    if end is not None and end > len(first.ids):
        raise cli.UserError(
            f"--stretch: {first.name} has {len(first.ids):,} bases. Give two numbers within it."
        )
    reader = reading.reader_of(run.load_model(), settings)
    least = threshold_of(run, settings)
    found = {record.name: read(reader, record.ids, least) for record in genome.records}
    text = as_gff3([(r.name, len(r.ids), found[r.name]) for r in genome.records])
    if flags.gff:
        with atomic_write(Path(flags.gff)) as tmp_path:
            tmp_path.write_text(text, encoding="utf-8")
    else:
        print(text, end="", flush=True)
    count = sum(len(one.genes) for one in found.values())
    say = f"{count:,} genes in {genome.info['bases']:,} bases" + f", in {flags.gff}" * bool(flags.gff)
    sys.stderr.write(f"{say}\n")
    if genome.info["genes"]:
        _compare(genome, found)
    _draw(run, genome, found, begin, end)
    return found


def threshold_of(run, settings):
    """Returns the threshold that a run chose on its validation; its first one before its end."""
    try:
        return json.loads(run.file(RESULT).read_text(encoding="utf-8"))["metrics"]["threshold"]
    except (OSError, ValueError, KeyError):
        return settings.thresholds[0]


def _compare(genome, found):
    """Says how many of the annotated genes were found."""
    whole = genomes.labelled(genome.records)
    genes, begin = [], 0
    for record in genome.records:
        genes += [
            gene._replace(parts=tuple((a + begin, b + begin, s) for a, b, s in gene.parts))
            for gene in found[record.name].genes
        ]
        begin += len(record.ids) + genomes.GAP
    scores = decoding.scores(genes, whole)
    labels = decoding.labels_of(genes, len(whole.ids))
    sys.stderr.write(
        f"of {len(whole.genes):,} annotated genes the stop of {scores['stops_found']:.1%} is found, "
        f"start and stop of {scores['starts_found']:.1%}; {reading.accuracy(labels, whole):.1%} of the "
        "bases are labelled right (if the run learned from this genome, this is no test)\n"
    )


def _draw(run, genome, found, begin, end):
    record = genome.records[0]
    if begin is None:
        guess = genomes.labelled([record._replace(genes=found[record.name].genes)])
        begin = run_figures.middle(guess)
        end = min(begin + drawing.SHOWN, len(record.ids))
    one = found[record.name]
    annotated = record.genes if genome.info["genes"] else None
    try:
        picture = drawing.stretch(
            one.probabilities[begin:end], begin, annotated, one.genes, f"{record.name}: a stretch"
        )
        figures.save(run, PICTURE, picture)
        sys.stderr.write(f"drawn in {run.file(PICTURE)}\n")
    except RunError as error:
        sys.stderr.write(f"The stretch is not drawn: {error}\n")


def evaluate(settings, model, data):
    """Chooses the threshold on validation, then reads the test part once.

    Returns:
        Metrics, and the test part's `Found`.
    """
    reader = reading.reader_of(model, settings)
    least = choose_threshold(reader, data.validation, settings.thresholds)
    of_validation = read(reader, data.validation.ids, least)
    metrics = {"threshold": least, **_scores("validation", of_validation, data.validation)}
    of_test = read(reader, data.test.ids, least)
    return metrics | _scores("test", of_test, data.test), of_test


def _scores(name, found, part):
    by_base = reading.accuracy(found.probabilities.argmax(axis=1), part)
    by_gene = reading.accuracy(decoding.labels_of(found.genes, len(part.ids)), part)
    scores = {"accuracy": by_base, "genes_accuracy": by_gene, **decoding.scores(found.genes, part)}
    return {f"{name}_{key}": value for key, value in scores.items()}


def described(data):
    """Returns a line that describes a genome's parts."""
    info = data.info
    return (
        f"{info['name']}: {info['bases']:,} bases, {info['genes']:,} genes; learning from "
        f"{info['train_bases']:,} bases, validating on {info['validation_bases']:,}, held out "
        f"{info['test_bases']:,}, the last fifth"
    )


def table(metrics, installed):
    """Returns the table of the test part, with what needs no network."""
    head = f"{'test part':24}{'bases right':>14}{'stops found':>14}{'stops right':>14}"
    rows = [
        ("network, base by base", metrics["test_accuracy"], None, None),
        *[
            (
                title,
                *(
                    metrics[f"{start}_{key}"]
                    for key in ("genes_accuracy", "stops_found", "stops_right")
                ),
            )
            for title, start in (("network, whole genes", "test"), ("Prodigal", "test_prodigal"))
            if f"{start}_stops_found" in metrics
        ],
        ("most frequent label", metrics["test_accuracy_most_frequent"], None, None),
    ]
    lines = [head]
    for title, *values in rows:
        shown = "".join(f"{'' if value is None else f'{value:.4f}':>14}" for value in values)
        lines.append(f"{title:24}{shown}".rstrip())
    if not installed:
        lines.append(f"{'Prodigal':24}  (not installed: pip install pyrodigal)")
    return "\n".join(lines)

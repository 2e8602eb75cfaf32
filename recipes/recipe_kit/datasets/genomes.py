"""Genomes and the genes on their two strands: phage lambda, a bacterium, and the user's own."""

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from recipe_kit.datasets import _genome_files as files
from recipe_kit.datasets._files import DataError, data_folder, file_sha256, first_there, unreadable
from recipe_kit.datasets._genome_files import EXPECTED, parse_gff3
from recipe_kit.datasets._genome_records import (
    BASES,
    COMPLEMENT,
    PAD,
    POSSIBLE,
    Gene,
    Record,
    ids_of,
)

__all__ = [
    "BASES",
    "COMPLEMENT",
    "FOLDER",
    "FORWARD",
    "GAP",
    "KNOWN",
    "LABELS",
    "LABEL_OF",
    "NONE",
    "PAD",
    "POSSIBLE",
    "REVERSE",
    "STATES",
    "Gene",
    "Genome",
    "Labelled",
    "Record",
    "ids_of",
    "known_file",
    "labelled",
    "load_genome",
    "on_both_strands",
    "parse_gff3",
]

LAMBDA, SPN23F = "lambda", "spn23f"
KNOWN = (LAMBDA, SPN23F)
FOLDER = "genes"
_FILES = {  # name, SHA-256
    LAMBDA: ("lambda.gbk", "c15625b1a3287d4799b5ecb2cd2adc0db92a583164669bec6f0989eee193b31c"),
    SPN23F: ("Spn23F.embl.gz", "c59593bdf8cc4775dd5023226e9474370b5fde2710db58de8b26d45334f6ebd2"),
}
_ADVICE = {
    LAMBDA: "it comes with the project: get the file again",
    SPN23F: "it does not come with the project: download the record FM211187 of the European "
    "Nucleotide Archive in its EMBL form and give its path with --data, or use --data lambda, which "
    "needs no download",
}
NONE, FORWARD, REVERSE = 0, 1, 2
LABELS = ("none", "this strand", "other strand")
STATES = 7  # none, and the three reading frames of each strand
LABEL_OF = np.array([NONE, *[FORWARD] * 3, *[REVERSE] * 3], "int8")

GAP = 99  # ids `PAD` between two records


class Genome(NamedTuple):
    """The records of a genome.

    Attributes:
        name: The source as given.
        records: A list of `Record`.
        info: The record for a result: `name`, `sha256` of bases and genes, numbers of bases, genes and
            bases with genes on both strands.
        notes: A tuple of lines for the user.
    """

    name: str
    records: list
    info: dict
    notes: tuple = ()


class Labelled(NamedTuple):
    """A genome, or a part of it, as one sequence, its records `GAP` ids `PAD` apart.

    Attributes:
        ids: uint8 `(n,)`.
        states: int8 `(n,)`: 0 where there is no gene, else 1 + f for a gene on this strand and 4 + f
            for one on the other, if the lowest base of the base's codon has the index f modulo 3.
        genes: A list of `Gene`, by bases of this sequence.
    """

    ids: np.ndarray
    states: np.ndarray
    genes: list

    @property
    def labels(self):
        """int8 `(n,)`, indexes of `LABELS`."""
        return LABEL_OF[self.states]

    def part(self, begin, end):
        """Returns bases `begin` to `end - 1`, with the genes that lie in them whole."""
        genes = [
            gene._replace(parts=tuple((a - begin, b - begin, strand) for a, b, strand in gene.parts))
            for gene in self.genes
            if all(begin <= a and b <= end for a, b, _ in gene.parts)
        ]
        return Labelled(self.ids[begin:end], shifted(self.states[begin:end], begin), genes)

    def reverse_complement(self):
        """Returns the other strand, read from its beginning, with the same genes."""
        n = len(self.ids)
        genes = [
            gene._replace(parts=tuple((n - b, n - a, -strand) for a, b, strand in gene.parts))
            for gene in self.genes
        ]
        return Labelled(COMPLEMENT[self.ids][::-1], reversed_states(self.states), genes)


def shifted(states, begin):
    """Returns states whose frames count from base `begin` instead of base 0."""
    frame = (states - 1 - begin % 3) % 3
    return np.where(states == 0, 0, 1 + 3 * (states > 3) + frame).astype("int8")


def reversed_states(states):
    """Returns the states `(n,)` of the reverse complement: strands swapped, order reversed."""
    # A codon whose lowest base is b has n - 3 - b as its lowest base on the other strand.
    frame = (len(states) % 3 - (states - 1)) % 3
    return np.where(states == 0, 0, 1 + 3 * (states <= 3) + frame).astype("int8")[::-1]


def load_genome(source, annotation=None, needs_genes=True):
    """Loads a genome and its genes by the name of a known set, or from the user's own files.

    Args:
        source: `"lambda"`, phage lambda, which comes with the project; `"spn23f"`, the genome of
            Streptococcus pneumoniae ATCC 700669; or a path to

            - a GenBank or EMBL file, whose features `CDS` are its genes;
            - a FASTA file, whose genes are in a GFF3 file: `annotation`, or a file of the same name
              that ends in `.gff3` or `.gff`.

            Files may be packed by gzip, bzip2 or xz.
        annotation: Path of a GFF3 file, or `None`.
        needs_genes: Whether a genome without genes is refused.

    Returns:
        `Genome`.

    Raises:
        DataError: If the source is unavailable or malformed, has letters that are no bases, or has no
            genes although they are needed.
    """
    name = str(source)
    if source in KNOWN:
        path = known_file(*_FILES[source], source, _ADVICE[source])
    elif os.path.lexists(source):
        path = Path(source)
    else:
        raise DataError(
            f"There is no data set and no file called {name!r}. Known are {', '.join(KNOWN)}; expected "
            f"one of them, or {EXPECTED}."
        )
    if path.is_dir():
        raise DataError(f"{path} is a folder: expected {EXPECTED}.")
    notes = []
    text = files.read_text(path)
    if text.startswith(">"):
        annotation = annotation or files.annotation_beside(path)
        records = files.fasta_records(text, path)
        if annotation:
            found, left_out = parse_gff3(files.read_text(annotation), annotation, records)
            records = [record._replace(genes=found[record.name]) for record in records]
            notes += left_out
        elif needs_genes:
            raise DataError(
                f"{path} has bases and no genes: expected a GFF3 file of its genes. Name it with "
                f"--annotation, or put it beside as {path.name.partition('.')[0]}.gff3."
            )
    else:
        if annotation:
            raise DataError(
                f"--annotation is for a FASTA file, and {path} is none: it does not begin with >."
            )
        records = files.flat_file_records(text, path, notes)
    if needs_genes and not any(record.genes for record in records):
        where = f"{annotation} has no genes of {path}" if annotation else f"{path} has no genes"
        raise DataError(f"{where}: expected features CDS. Give {EXPECTED}.")
    return _made(name, records, notes)


def known_file(filename, sha256, name, advice):
    """Returns the path of a file of known content, from `$RNN_KIT_DATA` or `data/`, without a download.

    Args:
        filename: Its name in the folder `genes`.
        sha256: Hexadecimal SHA-256 of its bytes.
        name: The data's name, for messages.
        advice: A clause on what to do without it.

    Raises:
        DataError: If it is missing, or another file.
    """
    tried = []
    place = first_there(data_folder() / FOLDER / filename, tried)
    shipped = Path(__file__).resolve().parents[3] / "data" / FOLDER / filename
    if place is None and shipped.is_file():  # a checkout that cannot be written to
        place = shipped
    if place is None:
        raise DataError(f"{name} is not on this machine. Tried: {'; '.join(tried)}; {advice}.")
    try:
        found = file_sha256(place)
    except OSError as error:
        raise unreadable(place, error) from error
    if found != sha256:
        raise DataError(
            f"{place} is not {name} as it was published: expected SHA-256 {sha256}, found {found}. "
            "Delete it, or give its path with --data to use it as it is."
        )
    return place


def labelled(records):
    """Joins records into one `Labelled` sequence.

    Where genes overlap, a base has the state of the longest of them, of equally long ones of the one
    whose lowest base comes first.
    """
    ids, genes, begin = [], [], 0
    for record in records:
        if ids:
            ids.append(np.full(GAP, PAD, "uint8"))
            begin += GAP
        ids.append(record.ids)
        genes += [
            gene._replace(parts=tuple((a + begin, b + begin, strand) for a, b, strand in gene.parts))
            for gene in record.genes
        ]
        begin += len(record.ids)
    states = np.zeros(begin, "int8")
    for gene in sorted(genes, key=lambda gene: (gene.length, -min(part[0] for part in gene.parts))):
        paint(states, gene)
    return Labelled(np.concatenate(ids), states, genes)


def paint(states, gene):
    """Writes the state of each base of a gene into `states`."""
    position = -gene.offset  # of a base in the gene, from 0 at the first whole codon
    for start, end, strand in gene.parts:
        bases = np.arange(start, end)
        reading = bases if strand > 0 else bases[::-1]
        in_codon = (position + np.arange(end - start)) % 3
        lowest = reading - (in_codon if strand > 0 else 2 - in_codon)
        states[reading] = (1 if strand > 0 else 4) + lowest % 3
        position += end - start


def on_both_strands(records):
    """Counts the bases with genes on both strands."""
    count = 0
    for record in records:
        covered = np.zeros((2, len(record.ids)), bool)
        for gene in record.genes:
            for start, end, strand in gene.parts:
                covered[int(strand < 0), start:end] = True
        count += int(covered.all(axis=0).sum())
    return count


def _made(name, records, notes):
    digest = hashlib.sha256()
    for record in records:
        digest.update(record.ids.tobytes())
        for gene in record.genes:
            digest.update(repr((gene.parts, gene.offset)).encode())
    uncertain = sum(int((record.ids > 3).sum()) for record in records)
    info = {
        "name": name,
        "sha256": digest.hexdigest(),
        "records": len(records),
        "bases": sum(len(record.ids) for record in records),
        "uncertain_bases": uncertain,
        "genes": sum(len(record.genes) for record in records),
        "bases_on_both_strands": on_both_strands(records),
    }
    notes = [*notes]
    if uncertain:
        notes.append(f"{uncertain:,} bases are uncertain (N and other IUPAC codes).")
    if info["bases_on_both_strands"]:
        notes.append(
            f"{info['bases_on_both_strands']:,} bases have genes on both strands: each has the label "
            "of the longest of these genes."
        )
    return Genome(name, records, info, tuple(notes))

"""Genomes and the genes on their two strands: phage lambda, a bacterium, and the user's own."""

import hashlib
import io
import os
import urllib.parse
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

from recipe_kit.datasets._files import DataError, data_folder, file_sha256, first_there, unreadable
from rnn_kit.text.decoding import NotTextError, decode, read_binary

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

BASES = "ACGTRYSWKMBDHVN"  # ids 0 to 14: the four bases, and the IUPAC codes of uncertain ones
PAD = len(BASES)  # id of what is no base: beyond an end, and between two records
POSSIBLE = {  # the bases that a code may stand for
    **{base: base for base in "ACGT"},
    **{"R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC"},
    **{"B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT"},
}
COMPLEMENT = np.array([*(BASES.index(c) for c in "TGCAYRSWMKVHDBN"), PAD], "uint8")

NONE, FORWARD, REVERSE = 0, 1, 2
LABELS = ("none", "this strand", "other strand")
STATES = 7  # none, and the three reading frames of each strand
LABEL_OF = np.array([NONE, *[FORWARD] * 3, *[REVERSE] * 3], "int8")

GAP = 99  # ids `PAD` between two records
_EXPECTED = "a GenBank or EMBL file with genes, or a FASTA file with a GFF3 file of its genes"
_IDS = np.full(256, 255, "uint8")
for _id, _letter in enumerate(BASES):
    _IDS[ord(_letter)] = _IDS[ord(_letter.lower())] = _id
_IDS[ord("U")] = _IDS[ord("u")] = BASES.index("T")


class Gene(NamedTuple):
    """A coding sequence (CDS) of a record. Bases are numbered from 0.

    Attributes:
        parts: Tuples `(start, end, strand)` in the order of reading, bases `start` to `end - 1`, strand
            1 or -1.
        offset: Bases before the first whole codon, 0 to 2, for a gene whose start is unknown.
        name: A name for the user; may be empty.
        pseudo: Whether it is annotated as no longer working.
        has_start, has_end: Whether its first and its last base are known.
    """

    parts: tuple
    offset: int = 0
    name: str = ""
    pseudo: bool = False
    has_start: bool = True
    has_end: bool = True

    @property
    def strand(self):
        return self.parts[0][2]

    @property
    def first_base(self):
        start, end, strand = self.parts[0]
        return start if strand > 0 else end - 1

    @property
    def last_base(self):
        """The last base of the stop codon."""
        start, end, strand = self.parts[-1]
        return end - 1 if strand > 0 else start

    @property
    def length(self):
        return sum(end - start for start, end, _ in self.parts)


class Record(NamedTuple):
    """One molecule, or one contig of it.

    Attributes:
        name: Its name in the file.
        ids: uint8 `(n,)`, ids in `BASES`.
        genes: A list of `Gene`.
        circular: Whether its last base is followed by its first.
    """

    name: str
    ids: np.ndarray
    genes: list
    circular: bool = False


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
            f"one of them, or {_EXPECTED}."
        )
    if path.is_dir():
        raise DataError(f"{path} is a folder: expected {_EXPECTED}.")
    notes = []
    text = _read(path)
    if text.startswith(">"):
        annotation = annotation or _beside(path)
        records = _fasta(text, path)
        if annotation:
            found, left_out = parse_gff3(_read(annotation), annotation, records)
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
        records = _flat_file(text, path, notes)
    if needs_genes and not any(record.genes for record in records):
        where = f"{annotation} has no genes of {path}" if annotation else f"{path} has no genes"
        raise DataError(f"{where}: expected features CDS. Give {_EXPECTED}.")
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


# Reading


def _read(path):
    try:
        data = read_binary(path)
        try:
            text = decode(data, path)
        except NotTextError:
            if b"\0" in data:
                raise
            text = decode(data, path, "latin-1")  # names in comments: bases and places are ASCII
    except NotTextError as error:
        raise DataError(str(error)) from None
    except OSError as error:
        raise unreadable(path, error) from error
    return text.lstrip()


def ids_of(sequence, where):
    """Returns the ids of a sequence's letters, in either case; U is read as T.

    Raises:
        DataError: naming the first letter that is neither a base nor an IUPAC code, and its place.
    """
    letters = np.frombuffer(str(sequence).encode("latin-1", "replace"), "uint8")
    ids = _IDS[letters]
    wrong = np.flatnonzero(ids == 255)
    if len(wrong):
        raise DataError(
            f"{where}, base {wrong[0] + 1:,}: {chr(letters[wrong[0]])!r} is no base: expected A, C, G "
            f"or T, or an IUPAC code of uncertain ones ({', '.join(BASES[4:])}). Write N for it."
        )
    return ids


def _beside(path):
    stem = path.name
    for suffix in (".gz", ".bz2", ".xz"):
        stem = stem.removesuffix(suffix)
    stem = stem.rpartition(".")[0] or stem
    for name in (f"{stem}{suffix}{packed}" for suffix in (".gff3", ".gff") for packed in ("", ".gz")):
        if (path.parent / name).is_file():
            return path.parent / name
    return None


def _parsed(text, form, path):
    """Yields the records of Biopython, whose warnings on details of the form are left out."""
    from Bio import SeqIO

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield from SeqIO.parse(io.StringIO(text), form)
        except Exception as error:  # Biopython raises ValueError, AssertionError, IndexError, ...
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise DataError(
                f"{path} cannot be read as {form} ({reason[:120]}): expected {_EXPECTED}."
            ) from None


def _fasta(text, path):
    records = [
        Record(found.id, ids_of(found.seq, f"{path}, record {found.id}"), [])
        for found in _parsed(text, "fasta", path)
    ]
    return _checked(records, path)


def _flat_file(text, path, notes):
    """Returns the records of a GenBank or EMBL file."""
    form = {"LOCUS": "genbank", "ID   ": "embl"}.get(text[:5])
    if form is None:
        head = text.partition("\n")[0][:40]
        raise DataError(f"{path} begins with {head!r}: expected {_EXPECTED}.")
    records, elsewhere = [], 0
    for found in _parsed(text, form, path):
        where = f"{path}, record {found.id}"
        if not _has_bases(found.seq):
            raise DataError(f"{where} has no bases: expected them after its features. Get it whole.")
        genes = []
        for feature in found.features:
            if feature.type == "CDS" and feature.location is not None:
                gene = _gene(feature, where, len(found.seq))
                elsewhere += gene is None
                genes += [gene] if gene else []
        circular = found.annotations.get("topology") == "circular"
        records.append(Record(found.id, ids_of(found.seq, where), genes, circular))
    if elsewhere:
        notes.append(
            f"{elsewhere:,} genes of {path} are left out: a part of them is in another record."
        )
    return _checked(records, path)


def _has_bases(sequence):
    try:
        bytes(sequence)
    except Exception:  # Biopython's UndefinedSequenceError
        return False
    return len(sequence) > 0


def _checked(records, path):
    records = [record for record in records if len(record.ids)]
    if not records:
        raise DataError(f"{path} has no bases: expected {_EXPECTED}.")
    names = [record.name for record in records]
    if len(set(names)) < len(names):
        double = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{path} has two records called {double}: expected a name of its own for each.")
    return records


def _gene(feature, where, length):
    """Returns the `Gene` of a feature; `None` if a part of it is in another record."""
    from Bio.SeqFeature import AfterPosition, BeforePosition

    # Biopython has the parts in the order of reading, those of complement(join(...)) too.
    places = feature.location.parts
    if any(place.ref for place in places):
        return None
    parts = tuple((int(p.start), int(p.end), -1 if p.strand == -1 else 1) for p in places)
    for start, end, _ in parts:
        if not 0 <= start < end <= length:
            raise DataError(
                f"{where}: a gene at {start + 1:,} to {end:,} is not within its {length:,} bases. Get "
                "the record whole."
            )
    first, last = places[0], places[-1]
    begins = first.start if parts[0][2] > 0 else first.end
    ends = last.end if parts[-1][2] > 0 else last.start
    fuzzy = (BeforePosition, AfterPosition)
    given = feature.qualifiers
    codon_start = given.get("codon_start", ["1"])[0]
    offset = int(codon_start) - 1 if codon_start in ("1", "2", "3") else 0
    name = next((given[key][0] for key in ("gene", "locus_tag", "protein_id") if key in given), "")
    pseudo = "pseudo" in given or "pseudogene" in given
    return Gene(parts, offset, name, pseudo, not isinstance(begins, fuzzy), not isinstance(ends, fuzzy))


def parse_gff3(text, place, records):
    """Parses the genes of a GFF3 file: its lines of the type CDS.

    Lines with one `ID`, or without one with the same `Parent`, are parts of one gene. A gene of a
    circular record may reach beyond its end.

    Args:
        text: The file's text.
        place: The file's name, for messages.
        records: The `Record`s that it is about.

    Returns:
        A dict of every record's name to a list of `Gene`, and a list of notes.

    Raises:
        DataError: naming the line that is malformed, or is about an unknown record.
    """
    lengths = {record.name: len(record.ids) for record in records}
    groups = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if line.startswith("##FASTA") or line.startswith(">"):
            break
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.rstrip("\r").split("\t")
        if len(fields) != 9:
            raise DataError(
                f"{place}, line {number}: expected nine columns with tabs between, not {len(fields)}. "
                "Give a GFF3 file."
            )
        if fields[2] != "CDS":
            continue
        record, _, _, start, end, _, strand, phase, about = fields
        record, where = urllib.parse.unquote(record), f"{place}, line {number}"
        if record not in lengths:
            raise DataError(
                f"{where}: there is no record {record!r} in the FASTA file: expected one of "
                f"{', '.join(list(lengths)[:5])}. Give the two files of one genome."
            )
        if not (start.isdecimal() and end.isdecimal() and 1 <= int(start) <= int(end)):
            raise DataError(f"{where}: {start!r} to {end!r} is no place: expected two base numbers.")
        if strand not in "+-" or len(strand) != 1:
            raise DataError(f"{where}: the strand is {strand!r}: expected + or -.")
        given = dict(item.strip().partition("=")[::2] for item in about.split(";") if "=" in item)
        key = given.get("ID") or given.get("Parent") or f"line {number}"
        part = int(start) - 1, int(end), strand, phase, given, where
        groups.setdefault((record, key), []).append(part)
    genes = {record: [] for record in lengths}
    for (record, _), parts in groups.items():
        genes[record].append(_joined(parts, lengths[record]))
    return genes, []


def _joined(lines, length):
    """Returns the `Gene` of its lines in a GFF3 file."""
    strand = 1 if lines[0][2] == "+" else -1
    ordered = sorted(lines, key=lambda line: line[0], reverse=strand < 0)
    parts = []
    for start, end, _, _, _, where in ordered:
        if start >= length or end > 2 * length:
            raise DataError(
                f"{where}: a gene at {start + 1:,} to {end:,} is not within the record's {length:,} "
                "bases. Give the two files of one genome."
            )
        pieces = [(start, min(end, length), strand)]
        if end > length:  # beyond the end of a circle
            pieces.append((0, end - length, strand))
        parts += pieces[::strand]
    given, phase = ordered[0][4], ordered[0][3]
    name = next(
        (given[key] for key in ("Name", "gene", "locus_tag", "ID", "Parent") if key in given), ""
    )
    # GFF3 names the columns: the start of a gene on the other strand is at the end of its range.
    partial = given.get("partial") == "true"
    cut = [partial and f"{side}_range" in given for side in ("start", "end")][::strand]
    return Gene(
        tuple(parts),
        int(phase) if phase in ("0", "1", "2") else 0,
        urllib.parse.unquote(name),
        given.get("pseudo") == "true" or "pseudogene" in given,
        not cut[0],
        not cut[1],
    )


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

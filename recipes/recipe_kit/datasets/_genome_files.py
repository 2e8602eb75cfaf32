"""Readers of the files that genomes and their genes come in: GenBank, EMBL, FASTA and GFF3."""

import io
import urllib.parse
import warnings

from recipe_kit.datasets._files import DataError, unreadable
from recipe_kit.datasets._genome_records import Gene, Record, ids_of
from rnn_kit.text.decoding import NotTextError, decode, read_binary

EXPECTED = "a GenBank or EMBL file with genes, or a FASTA file with a GFF3 file of its genes"


def read_text(path):
    """Reads a file's text, decompressed, without white space before it.

    Raises:
        DataError: If it cannot be read, or is no text.
    """
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


def annotation_beside(path):
    """Returns the path of the GFF3 file with the name of a FASTA file, or `None`."""
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
                f"{path} cannot be read as {form} ({reason[:120]}): expected {EXPECTED}."
            ) from None


def fasta_records(text, path):
    """Returns the records of a FASTA file, without genes."""
    records = [
        Record(found.id, ids_of(found.seq, f"{path}, record {found.id}"), [])
        for found in _parsed(text, "fasta", path)
    ]
    return _checked(records, path)


def flat_file_records(text, path, notes):
    """Returns the records of a GenBank or EMBL file; adds to the notes which genes are left out."""
    form = {"LOCUS": "genbank", "ID   ": "embl"}.get(text[:5])
    if form is None:
        head = text.partition("\n")[0][:40]
        raise DataError(f"{path} begins with {head!r}: expected {EXPECTED}.")
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
        raise DataError(f"{path} has no bases: expected {EXPECTED}.")
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

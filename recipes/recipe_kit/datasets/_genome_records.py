"""Bases, genes and the records that hold them: what the readers of genomes' files make."""

from typing import NamedTuple

import numpy as np

from recipe_kit.datasets._files import DataError

BASES = "ACGTRYSWKMBDHVN"  # ids 0 to 14: the four bases, and the IUPAC codes of uncertain ones
PAD = len(BASES)  # id of what is no base: beyond an end, and between two records
POSSIBLE = {  # the bases that a code may stand for
    **{base: base for base in "ACGT"},
    **{"R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC"},
    **{"B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT"},
}
COMPLEMENT = np.array([*(BASES.index(c) for c in "TGCAYRSWMKVHDBN"), PAD], "uint8")
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

"""Genomes: every form of a gene's place, files of every kind, what is refused, and the other strand."""

import gzip

import numpy as np
import pytest

from recipe_kit.datasets import DataError, genomes
from recipe_kit.datasets.genomes import Gene, Record, labelled, load_genome

SEQUENCE = "ATGAAACCCGGGTTTTAAACGTNRCATTTTCCCGGGAAACATGGCATTACG"  # 51 bases


def genbank(features, sequence=SEQUENCE, shape="linear  "):
    """A record with features `(place, qualifiers)`."""
    lines = [
        f"LOCUS       TEST              {len(sequence):>6} bp    DNA     {shape} PHG 01-JAN-2000",
        "ACCESSION   TEST",
        "VERSION     TEST.1",
        "FEATURES             Location/Qualifiers",
    ]
    for place, qualifiers in features:
        lines.append(f"     CDS             {place}")
        lines += [f"                     /{qualifier}" for qualifier in qualifiers]
    lines.append("ORIGIN")
    for at in range(0, len(sequence), 60):
        row = sequence[at : at + 60].lower()
        lines.append(f"{at + 1:>9} " + " ".join(row[i : i + 10] for i in range(0, len(row), 10)))
    return "\n".join([*lines, "//", ""])


def gene_at(place, tmp_path, *qualifiers, shape="linear  "):
    """The only gene of a record, whose place is this."""
    path = tmp_path / "record.gbk"
    path.write_text(genbank([(place, qualifiers)], shape=shape))
    (record,) = load_genome(path).records
    (gene,) = record.genes
    return gene


@pytest.mark.parametrize(
    ("place", "parts"),
    [
        ("4..12", [(3, 12, 1)]),
        ("complement(4..12)", [(3, 12, -1)]),
        ("join(1..4,8..12)", [(0, 4, 1), (7, 12, 1)]),
        ("order(1..4,8..12)", [(0, 4, 1), (7, 12, 1)]),
        ("complement(join(1..4,8..12))", [(7, 12, -1), (0, 4, -1)]),
        ("complement(order(1..4,8..12))", [(7, 12, -1), (0, 4, -1)]),
        ("join(complement(8..12),complement(1..4))", [(7, 12, -1), (0, 4, -1)]),
        ("join(46..51,1..3)", [(45, 51, 1), (0, 3, 1)]),
        ("complement(join(46..51,1..3))", [(0, 3, -1), (45, 51, -1)]),
        ("join(8..12,complement(1..4))", [(7, 12, 1), (0, 4, -1)]),
    ],
)
def test_the_parts_of_a_gene_are_in_the_order_of_reading(place, parts, tmp_path):
    gene = gene_at(place, tmp_path, shape="circular")
    assert list(gene.parts) == parts
    assert gene.length == sum(end - start for start, end, _ in parts)


def test_a_gene_over_the_origin_ends_behind_it(tmp_path):
    gene = gene_at("join(46..51,1..3)", tmp_path, shape="circular")
    assert (gene.first_base, gene.last_base, gene.strand) == (45, 2, 1)
    gene = gene_at("complement(join(46..51,1..3))", tmp_path, shape="circular")
    assert (gene.first_base, gene.last_base, gene.strand) == (2, 45, -1)


def test_ends_that_are_not_known_are_told_by_the_strand(tmp_path):
    known = {
        "<1..12": (False, True),
        "1..>12": (True, False),
        "<1..>12": (False, False),
        "complement(<1..12)": (True, False),
        "complement(1..>12)": (False, True),
    }
    for place, expected in known.items():
        gene = gene_at(place, tmp_path)
        assert (gene.has_start, gene.has_end) == expected, place
        assert gene.parts[0][:2] == (0, 12)
    assert gene_at("<1..12", tmp_path, "codon_start=3").offset == 2


def test_names_and_genes_that_no_longer_work(tmp_path):
    assert gene_at("4..12", tmp_path, 'gene="cro"', 'locus_tag="x1"').name == "cro"
    assert gene_at("4..12", tmp_path, 'locus_tag="x1"', "pseudo").pseudo
    assert not gene_at("4..12", tmp_path).pseudo


def test_a_gene_with_a_part_in_another_record_is_left_out_and_told(tmp_path):
    path = tmp_path / "record.gbk"
    path.write_text(genbank([("join(OTHER.1:5..9,1..4)", []), ("4..12", [])]))
    found = load_genome(path)
    assert len(found.records[0].genes) == 1 and "1 genes" in found.notes[0]


# States and labels


def states_of(*genes, count=24):
    return labelled([Record("x", np.zeros(count, "uint8"), list(genes))]).states.tolist()


def test_the_state_of_a_base_is_the_frame_of_its_codon():
    assert states_of(Gene(((4, 10, 1),)), count=12) == [0] * 4 + [2] * 6 + [0] * 2
    assert states_of(Gene(((4, 10, -1),)), count=12) == [0] * 4 + [5] * 6 + [0] * 2
    # A codon that an intron cuts: bases 0, 1 and 6; the next begins with base 7.
    assert states_of(Gene(((0, 2, 1), (6, 10, 1))), count=10) == [1, 1, 0, 0, 0, 0, 2, 2, 2, 2]
    # The first base is the last of a codon whose begin is unknown.
    assert states_of(Gene(((3, 7, 1),), offset=1), count=8) == [0, 0, 0, 2, 2, 2, 2, 0]


def test_the_longest_of_overlapping_genes_labels_a_base_and_the_others_are_counted():
    long, short = Gene(((0, 12, 1),)), Gene(((9, 18, -1),))
    for genes in ((long, short), (short, long)):
        states = states_of(*genes)
        assert states[:12] == [1] * 12 and states[12:18] == [4] * 6
        assert genomes.on_both_strands([Record("x", np.zeros(24, "uint8"), list(genes))]) == 3
    assert states_of(Gene(((0, 9, 1),)), Gene(((6, 15, -1),)))[6:9] == [1] * 3  # the first of equals


def test_the_reverse_complement_has_the_genes_of_both_strands_swapped():
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 15, 100).astype("uint8")
    genes = [Gene(((3, 33, 1),)), Gene(((40, 61, -1),)), Gene(((65, 70, 1), (80, 84, 1)))]
    strand = labelled([Record("x", ids, genes)])
    other = strand.reverse_complement()
    anew = labelled([Record("x", other.ids, other.genes)])
    assert (anew.states == other.states).all()
    assert other.labels.tolist() == [(0, 2, 1)[label] for label in strand.labels[::-1]]
    again = other.reverse_complement()
    assert (again.ids == strand.ids).all() and (again.states == strand.states).all()
    assert again.genes == strand.genes
    for code, other_code in zip(genomes.BASES, genomes.COMPLEMENT, strict=False):
        swapped = {dict(zip("ACGT", "TGCA", strict=True))[base] for base in genomes.POSSIBLE[code]}
        assert swapped == set(genomes.POSSIBLE[genomes.BASES[other_code]])


def test_a_part_counts_its_frames_from_its_own_beginning():
    whole = labelled([Record("x", np.zeros(60, "uint8"), [Gene(((7, 22, 1),)), Gene(((31, 49, -1),))])])
    for begin in (0, 1, 2, 5):
        part = whole.part(begin, 55)
        anew = labelled([Record("x", part.ids, part.genes)])
        assert (part.states == anew.states).all() and len(part.genes) == 2
    assert len(whole.part(8, 60).genes) == 1  # the other is not in it whole


def test_records_are_joined_with_a_gap_that_is_no_base():
    genes = [Gene(((0, 6, 1),))]
    ids = np.zeros(9, "uint8")
    both = labelled([Record("a", ids, genes), Record("b", ids, genes)])
    assert (both.ids == genomes.PAD).sum() == genomes.GAP
    assert both.genes[1].parts == ((9 + genomes.GAP, 15 + genomes.GAP, 1),)
    assert (both.labels[both.ids == genomes.PAD] == genomes.NONE).all()


# Files

EMBL = """ID   TEST; SV 1; linear; genomic DNA; STD; PHG; 24 BP.
XX
FH   Key             Location/Qualifiers
FT   CDS             complement(4..12)
FT                   /locus_tag="a"
XX
SQ   Sequence 24 BP;
     atgaaacccg ggttttaaac gtnr                                               24
//
"""
GFF = (
    "##gff-version 3\n"
    "one\tx\tgene\t1\t12\t.\t+\t.\tID=g1\n"
    "one\tx\tCDS\t1\t4\t.\t+\t0\tID=c1;Parent=g1;Name=first%3B\n"
    "one\tx\tCDS\t8\t12\t.\t+\t2\tID=c1;Parent=g1\n"
    "\n"
    "one\tx\tCDS\t1\t4\t.\t-\t0\tParent=g2\n"
    "one\tx\tCDS\t8\t12\t.\t-\t1\tParent=g2\n"
    "one\tx\tCDS\t13\t24\t.\t-\t.\tnote=alone\n"
    "two%20x\tx\tCDS\t10\t15\t.\t+\t0\tID=c9\n"
    "two%20x\tx\tCDS\t10\t15\t.\t-\t0\tID=c8\n"
    "##FASTA\n>one\nACGT\n"
)


@pytest.fixture
def fasta(tmp_path):
    """A FASTA file of two records, and the GFF3 file of its genes beside it."""
    path = tmp_path / "genome.fasta"
    path.write_text(">one the first\r\n" + SEQUENCE[:24] + "\r\n>two%20x\n\nacgtuacgtuac\n")
    (tmp_path / "genome.gff3").write_text(GFF.replace("two%20x", "two%2520x"))
    return path


def test_embl_is_read_and_so_are_packed_files(tmp_path):
    plain, packed = tmp_path / "x.embl", tmp_path / "x.embl.gz"
    plain.write_text(EMBL)
    packed.write_bytes(gzip.compress(EMBL.encode()))
    found, again = load_genome(plain), load_genome(packed)
    assert found.records[0].genes == again.records[0].genes == [Gene(((3, 12, -1),), 0, "a")]
    assert found.info["sha256"] == again.info["sha256"] and found.info["uncertain_bases"] == 2


def test_letters_of_other_encodings_in_comments_are_no_error_and_binary_files_are(tmp_path):
    path = tmp_path / "x.embl"
    path.write_bytes(EMBL.replace("XX\n", "CC   Müller\n", 1).encode("latin-1"))
    assert load_genome(path).info["genes"] == 1
    path.write_bytes(b"\x89PNG\r\n\0\0")
    with pytest.raises(DataError, match=r"x\.embl"):
        load_genome(path)


def test_fasta_with_gff3_has_genes_of_several_parts(fasta):
    one, two = load_genome(fasta).records
    first, second, third = one.genes
    assert first == Gene(((0, 4, 1), (7, 12, 1)), 0, "first;")
    assert second.parts == ((7, 12, -1), (0, 4, -1)) and second.offset == 1
    assert third.parts == ((12, 24, -1),)
    assert two.ids.tolist()[:5] == [0, 1, 2, 3, 3]  # U is read as T
    # Beyond the end of a circle, on either strand.
    assert [gene.parts for gene in two.genes] == [((9, 12, 1), (0, 3, 1)), ((0, 3, -1), (9, 12, -1))]


def test_gff3_may_lie_elsewhere(fasta, tmp_path):
    other = tmp_path / "other.gff"
    (tmp_path / "genome.gff3").rename(other)
    with pytest.raises(DataError, match=r"has bases and no genes: .* --annotation"):
        load_genome(fasta)
    assert not load_genome(fasta, needs_genes=False).info["genes"]
    assert load_genome(fasta, str(other)).info["genes"] == 5


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("one\tx\tCDS\t1\t4\t.\t+\t0", "line 1: expected nine columns with tabs between, not 8"),
        ("three\tx\tCDS\t1\t4\t.\t+\t0\tID=a", "line 1: there is no record 'three'"),
        ("one\tx\tCDS\t9\t4\t.\t+\t0\tID=a", "line 1: '9' to '4' is no place"),
        ("one\tx\tCDS\ta\t4\t.\t+\t0\tID=a", "line 1: 'a' to '4' is no place"),
        ("one\tx\tCDS\t1\t4\t.\t?\t0\tID=a", "line 1: the strand is '[?]'"),
        ("one\tx\tCDS\t70\t84\t.\t+\t0\tID=a", "line 1: a gene at 70 to 84 is not within"),
        ("one\tx\tgene\t1\t4\t.\t+\t.\tID=a", "has no genes of .* expected features CDS"),
    ],
)
def test_a_gff3_file_that_is_not_as_it_should_be_is_told_by_its_line(line, told, fasta, tmp_path):
    (tmp_path / "genome.gff3").write_text(line + "\n")
    with pytest.raises(DataError, match=told):
        load_genome(fasta)


def test_uncertain_bases_are_no_error_and_letters_that_are_none_are_told_by_their_place(tmp_path):
    path = tmp_path / "x.fa"
    path.write_text(">a\n" + genomes.BASES + "\n" + genomes.BASES.lower() + "\n")
    found = load_genome(path, needs_genes=False)
    assert found.records[0].ids.tolist() == [*range(15), *range(15)]
    assert found.info["uncertain_bases"] == 22
    path.write_text(">a\nACGT\nACJT\n")
    with pytest.raises(DataError, match=r"record a, base 7: 'J' is no base: expected A, C, G or T"):
        load_genome(path, needs_genes=False)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("x.gbk", genbank([]), "has no genes: expected features CDS"),
        ("x.gbk", genbank([("40..60", [])]), "a gene at 40 to 60 is not within its 51 bases"),
        (
            "x.gbk",
            genbank([("4..12", [])]).partition("ORIGIN")[0] + "CONTIG      join(A.1:1..9)\n//\n",
            "has no bases",
        ),
        ("x.txt", "hello world\n", "begins with 'hello world'"),
        ("x.txt", "", "begins with ''"),
        ("x.fa", ">a\n", "has no bases"),
        ("x.fa", ">a\nAC\n>a\nAC\n", "has two records called a"),
    ],
)
def test_a_file_that_is_no_genome_is_one_line(name, text, told, tmp_path):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(DataError, match=told) as error:
        load_genome(path, needs_genes=not name.endswith("fa"))
    assert "\n" not in str(error.value)


def test_what_is_not_there_and_what_is_for_fasta_alone(tmp_path):
    with pytest.raises(DataError, match=r"no file called .none\.gbk.\. Known are lambda"):
        load_genome("none.gbk")
    with pytest.raises(DataError, match="is a folder"):
        load_genome(tmp_path)
    with pytest.raises(DataError, match="--annotation is for a FASTA file"):
        load_genome("lambda", "genes.gff3")


# The known sets


def test_phage_lambda_comes_with_the_project(monkeypatch):
    monkeypatch.delenv("RNN_KIT_DATA", raising=False)
    found = load_genome("lambda")
    assert (found.info["bases"], found.info["genes"], found.info["records"]) == (48_502, 73, 1)
    assert found.info["bases_on_both_strands"] == 621
    whole = labelled(found.records)
    ends = {"TAA", "TAG", "TGA"}
    for gene in whole.genes:
        start, end, strand = gene.parts[-1]
        stop = whole.ids[end - 3 : end]
        if strand < 0:
            stop = genomes.COMPLEMENT[whole.ids[start : start + 3]][::-1]
        assert "".join(genomes.BASES[i] for i in stop) in ends


def test_the_bacterium_says_where_it_can_be_had(monkeypatch, tmp_path):
    monkeypatch.setenv("RNN_KIT_DATA", str(tmp_path))
    monkeypatch.setattr(genomes, "data_folder", lambda: tmp_path)
    with pytest.raises(DataError, match=r"FM211187 .* use --data lambda"):
        load_genome("spn23f")
    (tmp_path / "genes").mkdir()
    (tmp_path / "genes/Spn23F.embl.gz").write_bytes(b"another")
    with pytest.raises(DataError, match="is not spn23f as it was published"):
        load_genome("spn23f")


def test_the_bacterium_is_as_it_was_published(real_data):
    found = load_genome("spn23f")
    assert (found.info["bases"], found.info["genes"]) == (2_221_315, 2_135)
    assert found.info["bases_on_both_strands"] == 168 and found.info["uncertain_bases"] == 0

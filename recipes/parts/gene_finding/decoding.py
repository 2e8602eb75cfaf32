"""From probabilities of codons to genes, and how many of the annotated ones are found."""

import numpy as np

from recipe_kit.datasets import genomes

CODON = 3
STARTS, STOPS = ("ATG", "GTG", "TTG"), ("TAA", "TAG", "TGA")


def genes_of(codons, ids, least):
    """Finds the genes in open reading frames, given the probability of every codon.

    An open reading frame is what lies between two stop codons of one of the six frames; a gene ends
    with its stop codon. Of its start codons ATG, GTG and TTG that one is taken which maximizes

        s(start) = Σ_(t from start to stop) (p_t - 1/2)

    with p_t the probability of this frame at codon t. It is a gene if s is at least `least`.
    Where the sequence ends before a stop codon, or begins after the start, the gene ends there.

    Args:
        codons: `(⌈n/3⌉, 7)`, as of `reading.Reader.codons`.
        ids: `(n,)`, of the bases.
        least: In codons of probability 1, halved: 10 stands for 20 sure codons.

    Returns:
        A list of `genomes.Gene`, by their lowest base; and the s of each.
    """
    found = []
    for strand, first in ((1, 1), (-1, 4)):
        for frame in range(CODON):
            count = (len(ids) - frame) // CODON
            triples = ids[frame : frame + CODON * count].reshape(count, CODON)
            p = codons[:count, first + frame]
            if strand < 0:  # in the order of reading
                triples, p = genomes.COMPLEMENT[triples[::-1, ::-1]], p[::-1]
            for begin, end, has_start, has_end, score in _frames(triples, p, least):
                a, b = frame + CODON * begin, frame + CODON * end
                if strand < 0:
                    a, b = frame + CODON * (count - end), frame + CODON * (count - begin)
                parts = ((a, b, strand),)
                found.append((genomes.Gene(parts, 0, "", False, has_start, has_end), score))
    found.sort(key=lambda pair: pair[0].parts)
    return [gene for gene, _ in found], [score for _, score in found]


def _frames(triples, p, least):
    """Yields the genes of one frame: first codon, codon after the last, start known, end known, s."""
    is_stop, is_start = _among(triples, STOPS), _among(triples, STARTS)
    outside = (triples == genomes.PAD).any(axis=1)
    after = np.concatenate([[0], np.cumsum(p - 0.5, dtype="float64")])  # s = after[end] - after[start]
    ends = np.flatnonzero(is_stop | outside)
    begins = np.concatenate([[0], ends + 1])
    ends = np.concatenate([ends, [len(p)]])
    for begin, end in zip(begins, ends, strict=True):
        if end - begin < 2 * least - 1:  # every term of s is at most 1/2
            continue
        has_end = end < len(p) and bool(is_stop[end])
        last = end + has_end
        starts = begin + np.flatnonzero(is_start[begin:end])
        is_open = begin == 0 or outside[begin - 1]  # it may have begun before the sequence does
        candidates = np.concatenate([[begin], starts]) if is_open else starts
        if not len(candidates):
            continue
        scores = after[last] - after[candidates]
        best = int(scores.argmax())
        if scores[best] >= least:
            yield int(candidates[best]), int(last), not (is_open and best == 0), has_end, scores[best]


def _among(triples, words):
    """Returns which triples of ids are one of the codons."""
    wanted = np.array([[genomes.BASES.index(base) for base in word] for word in words])
    return (triples[:, None] == wanted).all(axis=2).any(axis=1)


def labels_of(genes, count):
    """Returns the label of each of n bases, of which these are the genes."""
    record = genomes.Record("", np.zeros(count, "uint8"), genes)
    return genomes.labelled([record]).labels


def stops(genes):
    """Returns the places of the genes' last bases, of those that are known: `(strand, base)`."""
    return {(gene.parts[-1][2], gene.last_base) for gene in genes if gene.has_end}


def scores(found, part):
    """Compares genes with a part's annotated ones.

    Returns:
        A dict: `stops_found`, the share of annotated stops at which a found gene ends, on the same
        strand; `stops_found_without_pseudo`, the same without genes that are annotated as no longer
        working; `stops_right`, the share of found genes whose stop is annotated; `starts_found`, the
        share of annotated genes of which start and stop are found.
    """
    annotated, ours = stops(part.genes), stops(found)
    working = stops(gene for gene in part.genes if not gene.pseudo)
    whole = {(gene.first_base, gene.last_base, gene.strand) for gene in part.genes if gene.has_end}
    exact = {(gene.first_base, gene.last_base, gene.strand) for gene in found if gene.has_end}
    return {
        "stops_found": len(annotated & ours) / max(1, len(annotated)),
        "stops_found_without_pseudo": len(working & ours) / max(1, len(working)),
        "stops_right": len(annotated & ours) / max(1, len(ours)),
        "starts_found": len(whole & exact) / max(1, len(whole)),
    }

"""The gene finding recipe: genes from probabilities, what is drawn, and one run of each task."""

import dataclasses
import json

import numpy as np
import pytest
from marks import slow_but

import gene_finding as recipe
from parts.gene_finding import (
    baselines,
    comparison,
    decoding,
    drawing,
    finding,
    folds,
    lessons,
    networks,
    reading,
    run_figures,
)
from parts.gene_finding.settings import PRESETS, Settings
from recipe_kit import cli, figures
from recipe_kit.datasets import genomes, splice

SMALL = dataclasses.replace(PRESETS["smoke"], window=60, batch_size=2, steps=2, word=2)


@pytest.fixture(scope="module")
def phage():
    return lessons.load(dataclasses.replace(SMALL, limit=None))


def sure(part):
    """The probabilities of a network that knows the genes of a part."""
    states = np.resize(part.states[2::3], -(-len(part.ids) // 3))
    return np.eye(genomes.STATES, dtype="float32")[states]


# What is learned from


def test_the_parts_of_a_genome_share_no_base_and_the_test_is_its_last_fifth(phage):
    sizes = [len(part.ids) for part in (phage.train, phage.validation, phage.test)]
    assert sum(sizes) == len(phage.whole.ids) == 48_502 and phage.test_begin == sum(sizes[:2])
    assert np.allclose(np.array(sizes) / sum(sizes), (0.7, 0.1, 0.2), atol=1e-4)
    joined = np.concatenate([phage.train.ids, phage.validation.ids, phage.test.ids])
    assert (joined == phage.whole.ids).all()


def test_a_window_is_of_either_strand_and_has_the_states_of_its_own_frames(phage):
    strand = phage.train.part(0, len(phage.train.ids) // 3 * 3)
    known = {}
    for part in (strand, strand.reverse_complement()):
        for start in range(len(part.ids) - 60):
            known.setdefault(part.ids[start : start + 60].tobytes(), []).append((part, start))
    strands = set()
    for ids, states in lessons.training_batches(SMALL, phage.train).take(6).as_numpy_iterator():
        assert ids.shape == (2, 60) and states.shape == (2, 20)
        for row, its in zip(ids, states, strict=True):
            places = known[row.astype("uint8").tobytes()]
            strands.add(places[0][0] is strand)
            own = [part.part(start, start + 60).states[2::3].tolist() for part, start in places]
            assert its.tolist() in own
    assert strands == {True, False}


def test_batches_continue_where_a_run_ended(phage):
    whole = list(lessons.training_batches(SMALL, phage.train).take(4).as_numpy_iterator())
    rest = list(lessons.training_batches(SMALL, phage.train, 2).take(2).as_numpy_iterator())
    for ours, theirs in zip(whole[2:], rest, strict=True):
        assert (ours[0] == theirs[0]).all() and (ours[1] == theirs[1]).all()


def test_words_are_those_that_begin_at_the_bases_of_a_step_and_uncertain_ones_are_unknown():
    layer = networks.WordEmbedding(2, 1, stride=3)
    layer.build((None, None))
    layer.set_weights([np.arange(3 * 17, dtype="float32")[:, None]])
    a, c, g, t, n = (genomes.BASES.index(base) for base in "ACGTN")
    found = np.asarray(layer(np.array([[a, c, g, t, t, n]], "int32")))[0, :, 0]
    # AC, CG, GT in the tables from 0, 17 and 34 on; TT, TN, and N before the end.
    assert found.tolist() == [1 + (17 + 6) + (34 + 11), 15 + (17 + 16) + (34 + 16)]


# From probabilities to genes


def test_the_probability_of_a_base_is_that_of_its_codon_in_each_frame():
    part = genomes.labelled(
        [
            genomes.Record(
                "x",
                np.zeros(60, "uint8"),
                [genomes.Gene(((4, 22, 1),)), genomes.Gene(((29, 50, -1),))],
            )
        ]
    )
    found = reading.of_bases(sure(part), 60)
    assert (found.argmax(axis=1) == part.labels).all() and np.allclose(found.sum(axis=1), 1)
    assert reading.of_bases(sure(part), 59).shape == (59, 3)


def test_a_reader_reads_every_window_alike_and_leaves_nothing_out(phage):
    class Echo:
        """Says of each step which base is in its middle, whatever the window."""

        def __call__(self, ids, training):
            import keras

            return 20.0 * keras.ops.one_hot(keras.ops.minimum(ids[:, 1::3], 6), 7)

    for count in (20, 240, 241, 242, 2000):
        ids = phage.whole.ids[:count]
        found = reading.Reader(Echo(), 240).codons(ids)
        assert len(found) == -(-count // 3)
        assert (found.argmax(axis=1)[: count // 3] == ids[1::3][: count // 3]).all()


def test_the_genes_of_lambda_come_back_from_sure_probabilities(phage):
    found, scores = decoding.genes_of(sure(phage.whole), phage.whole.ids, 5)
    got = decoding.scores(found, phage.whole)
    assert got["stops_found"] > 0.9 and got["stops_right"] > 0.95 and got["starts_found"] > 0.7
    assert len(scores) == len(found) and min(scores) >= 5
    for gene in found:
        ((start, end, strand),) = gene.parts
        bases = phage.whole.ids[start:end]
        codons = (bases if strand > 0 else genomes.COMPLEMENT[bases][::-1]).reshape(-1, 3)
        words = ["".join(genomes.BASES[i] for i in codon) for codon in codons]
        assert words[0] in decoding.STARTS and words[-1] in decoding.STOPS
        assert not set(words[:-1]) & set(decoding.STOPS)
    labels = decoding.labels_of(found, len(phage.whole.ids))
    assert reading.accuracy(labels, phage.whole) > 0.95


def test_both_strands_are_decoded_alike(phage):
    other = phage.whole.reverse_complement()
    here, there = (decoding.genes_of(sure(part), part.ids, 5)[0] for part in (phage.whole, other))
    assert decoding.scores(here, phage.whole)["stops_found"] == pytest.approx(
        decoding.scores(there, other)["stops_found"], abs=0.03
    )


def gene_in(bases, frame, begin, end, least=1):
    """The genes of a sequence whose codons `begin` to `end` are sure to be in a frame."""
    p = np.zeros((-(-len(bases) // 3), genomes.STATES), "float32")
    p[:, 0] = 1
    p[begin:end] = np.eye(genomes.STATES)[1 + frame]
    return decoding.genes_of(p, genomes.ids_of(bases, "here"), least)[0]


def test_a_gene_ends_with_its_stop_codon_and_begins_with_the_start_that_fits_best():
    bases = "CCC" + "ATG" + "AAA" * 4 + "GTG" + "AAA" * 6 + "TAA" + "CCC" * 3
    (gene,) = gene_in(bases, 0, 1, 13)
    assert gene.parts == ((3, 42, 1),) and gene.has_start and gene.has_end
    (gene,) = gene_in(bases, 0, 6, 13)  # the second start codon is nearer
    assert gene.parts == ((18, 42, 1),)
    (gene,) = gene_in("C" + bases, 1, 1, 13)
    assert gene.parts == ((4, 43, 1),)
    assert gene_in(bases, 0, 1, 13, least=7) == []


def test_a_gene_at_an_end_of_the_sequence_is_partial():
    (gene,) = gene_in("AAA" * 10 + "TAG" + "CCC" * 3, 0, 0, 11)
    assert gene.parts == ((0, 33, 1),) and not gene.has_start and gene.has_end
    (gene,) = gene_in("CCC" * 3 + "ATG" + "AAA" * 10, 0, 3, 14)
    assert gene.parts == ((9, 42, 1),) and gene.has_start and not gene.has_end
    assert decoding.stops([gene]) == set()


# A run on a genome


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "smoke"
    return out, recipe.main(["--preset", "smoke", "--out", str(out)])


def test_a_run_leaves_what_the_design_promises(saved, written_but_not_declared):
    out, metrics = saved
    assert written_but_not_declared(out) == set()
    result = json.loads((out / "result.json").read_text())
    assert result["metrics"] == metrics and result["data"]["bases"] == 24_000
    for name in ("curves.png", "stretch.png"):
        assert figures.about_figure(out / name)["metrics"] == metrics
    for name in ("test_accuracy", "test_genes_accuracy", "test_stops_found", "validation_accuracy"):
        assert 0 <= metrics[name] <= 1
    assert metrics["threshold"] in PRESETS["smoke"].thresholds


def test_genes_that_were_found_are_gff3_that_reads_back(saved, run_main, tmp_path, monkeypatch):
    out, _ = saved
    phage = genomes.load_genome("lambda").records
    monkeypatch.setattr(reading.Reader, "codons", lambda *args: sure(genomes.labelled(phage)))
    code, printed, error = run_main(["find", "lambda", "--run", str(out)])
    assert code == 0 and "drawn in" in error and (out / "found.png").exists()
    genes = genomes.parse_gff3(printed, "here", phage)[0][phage[0].name]
    scores = decoding.scores(genes, genomes.labelled(phage))
    assert scores["stops_found"] > 0.9 and f"the stop of {scores['stops_found']:.1%} is found" in error
    path = tmp_path / "genes.gff3"
    argv = ["find", "lambda", "--run", str(out), "--gff", str(path), "--stretch", "100-3,000"]
    code, nothing, _ = run_main(argv)
    assert (code, nothing) == (0, "") and path.read_text() == printed


def test_partial_genes_and_odd_names_read_back_from_gff3():
    genes = [
        genomes.Gene(((0, 9, 1),), has_start=False),
        genomes.Gene(((3, 12, -1),), has_end=False),
    ]
    found = finding.Found(None, genes, [1.0, 2.0])
    text = finding.as_gff3([("a b;c", 12, found)])
    record = genomes.Record("a b;c", np.zeros(12, "uint8"), [])
    read = genomes.parse_gff3(text, "here", [record])[0]["a b;c"]
    assert [(g.parts, g.has_start, g.has_end) for g in read] == [
        (g.parts, g.has_start, g.has_end) for g in genes
    ]
    assert ";start_range=.,1" in text and ";start_range=.,4" in text


def test_on_the_other_strand_a_gene_ends_where_its_columns_start():
    """As in GFF3 files of NCBI, whose ranges are those of columns 4 and 5."""
    line = "one\tRefSeq\tCDS\t1\t300\t.\t-\t0\tID=x;partial=true;start_range=.,1\n"
    record = genomes.Record("one", np.zeros(300, "uint8"), [])
    (gene,) = genomes.parse_gff3(line, "here", [record])[0]["one"]
    assert gene.has_start and not gene.has_end


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["find", "none.fasta"], "no data set and no file called 'none.fasta'"),
        (["find", "{tmp}/bad.fa"], "base 4: '!' is no base"),
        (["find", "lambda", "--stretch", "40000-60000"], "has 48,502 bases"),
        (["find", "lambda", "--stretch", "5-4"], "'5-4' is no stretch of bases"),
        (["--data", "{tmp}/bad.gbk"], "has no genes"),
        (["--data", "{tmp}/none.gbk"], "no file or folder called"),
        (["--preset", "smoke", "--window", "601"], "expected a multiple of 3"),
        (["--preset", "smoke", "--window", "30000"], "the training part has 16,800 bases"),
        (["--preset", "splice", "--crf"], "--crf is for a genome"),
        (["--preset", "splice", "--folds", "11"], "there are ten"),
        (["--preset", "smoke", "--networks", "2"], "--networks is for junctions"),
        (["compare", "--data", "splice"], "compare is for a genome"),
    ],
)
def test_what_cannot_be_done_is_one_line(argv, told, saved, run_main, tmp_path):
    (tmp_path / "bad.fa").write_text(">a\nACG!\n")
    (tmp_path / "bad.gbk").write_text(
        "LOCUS       X 12 bp DNA\nFEATURES             Location/Qualifiers\nORIGIN\n"
        "        1 acgtacgtac gt\n//\n"
    )
    argv = [word.format(tmp=tmp_path) for word in argv]
    argv += ["--run", str(saved[0])] if argv[0] == "find" else ["--out", str(tmp_path / "run")]
    code, _, error = run_main(argv)
    assert code == 2 and error.count("\n") == 1 and told in error


def test_prodigal_that_is_not_installed_is_told_how_to_get(phage, monkeypatch, saved):
    monkeypatch.setitem(__import__("sys").modules, "pyrodigal", None)
    assert baselines.prodigal(phage) is None
    assert "pip install pyrodigal" in finding.table(saved[1], installed=False)


# Junctions


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "splice"
    argv = "--preset lecture --folds 2 --epochs 1 --units 4 --batch-size 512"
    argv += " --no-bidirectional --no-baselines --out"  # the way that takes half the time
    return out, recipe.main([*argv.split(), str(out)])


@pytest.mark.slow
def test_every_fold_is_the_test_once(judged, written_but_not_declared):
    out, metrics = judged
    assert written_but_not_declared(out) == set()
    data = splice.load_splice()
    for fold in range(splice.FOLDS):
        parts = np.array(folds.parts(data, fold))
        assert (parts.sum(axis=0) == 1).all() and (data.folds[parts[2]] == fold).all()
    done = json.loads((out / "folds.json").read_text())["folds"]
    table = folds.confusion(data, done)
    assert table.sum() == (data.folds < 2).sum() and metrics["folds"] == 2
    assert metrics["test_accuracy"] == table.trace() / table.sum()
    assert {row["fold"] for row in recipe.saved_run(str(out), recipe.RECIPE).history()} == {0, 1}


def test_a_run_on_junctions_finds_no_genes(judged, run_main):
    code, _, error = run_main(["find", "lambda", "--run", str(judged[0])])
    assert code == 2 and error.count("\n") == 1 and "splice junctions" in error


@pytest.mark.parametrize("bidirectional", [True, False])
def test_a_junction_is_judged_by_every_base_and_by_all_networks_together(bidirectional):
    settings = dataclasses.replace(PRESETS["splice"], networks=2, bidirectional=bidirectional)
    model = networks.judges(settings)
    ids = np.zeros((1 + splice.LENGTH, splice.LENGTH), "int32")
    ids[1:] += np.eye(splice.LENGTH, dtype="int32")  # each differs from the first in one base
    logits = np.asarray(model(ids))
    assert logits.shape == (1 + splice.LENGTH, 2, 3)
    assert (np.abs(logits[1:] - logits[0]).max(axis=(1, 2)) > 0).all()
    p = np.asarray(networks.together(logits))
    assert np.allclose(p.sum(axis=1), 1) and not np.allclose(logits[:, 0], logits[:, 1])
    crop = next(one for one in model.get_layer("0_judge").layers if "cropping" in one.name)
    assert crop.output.shape[1] == 1 + bidirectional  # the bases on both sides, or the end
    best = np.repeat(p.argmax(axis=1)[:, None], 2, axis=1)
    assert np.asarray(networks.accuracy(best, logits)).mean() == 1


@pytest.mark.slow
def test_the_baselines_learn_from_the_same_folds(monkeypatch):
    monkeypatch.setattr(baselines, "LOGISTIC", {"C": (0.1,)})
    monkeypatch.setattr(baselines, "SVM", {"C": (1.0,), "gamma": (0.01,)})
    found = baselines.of_junctions(splice.load_splice(), 1)
    assert found["logistic_regression"] > 0.85 and found["svm"] > 0.9


# Networks


CELLS = [(cell, crf) for cell in cli.CELLS for crf in (False, True)]


@pytest.mark.parametrize("network", slow_but([("simple", True)], CELLS))
def test_every_cell_learns_from_one_batch(network, phage, tmp_path, monkeypatch):
    cell, crf = network
    settings = dataclasses.replace(SMALL, cell=cell, crf=crf, bidirectional=not crf, steps=1, epochs=1)
    monkeypatch.setattr(reading.ValidatePart, "on_epoch_end", blank_validation)
    from recipe_kit.runs import Run

    run = Run.create(recipe.RECIPE, "test", settings, tmp_path / "run")
    model = recipe.train(settings, phage, run)
    assert np.isfinite(run.history()[0]["loss"])
    expected = (2, 20, 7, 7) if crf else (2, 20, 7)
    assert model(phage.whole.ids[:120].reshape(2, 60).astype("int32")).shape == expected


def blank_validation(self, epoch, logs=None):
    logs |= {"val_loss": 0.0, "val_accuracy": 0.0}


@pytest.mark.slow
def test_one_direction_and_two_have_equally_many_weights():
    settings = PRESETS["compare"]
    counts = {}
    for name, change in comparison.VARIANTS.items():
        units = comparison.units(settings, change)
        changed = dataclasses.replace(settings, units=units, **change)
        counts[name] = networks.labeller(changed).count_params()
    wanted = counts[comparison.REFERENCE]
    assert all(abs(count - wanted) < 0.02 * wanted for count in counts.values())


def test_a_stretch_is_drawn_where_both_strands_have_genes(phage):
    begin = run_figures.middle(phage.whole)
    labels = phage.whole.labels[begin : begin + drawing.SHOWN]
    assert min((labels == strand).mean() for strand in (1, 2)) > 0.15
    codons = sure(phage.whole)
    p = reading.of_bases(codons, len(phage.whole.ids))[begin : begin + 5000]
    figure = drawing.stretch(p, begin, phage.whole.genes, phage.whole.genes, "lambda")
    annotated, found, below = figure.axes
    assert len(annotated.patches) == len(found.patches) > 3 and len(below.lines) == 3
    assert len(drawing.stretch(p, begin, None, [], "x").axes) == 2


@pytest.mark.slow
def test_without_validation_nine_folds_are_learned_to_the_last_epoch(tmp_path):
    argv = "--preset splice --folds 1 --epochs 2 --networks 1 --units 4 --batch-size 256 --no-baselines"
    metrics = recipe.main([*argv.split(), "--out", str(tmp_path / "run")])
    assert metrics["kept_epoch"] == 2 and "validation_accuracy" not in metrics
    run = recipe.saved_run(str(tmp_path / "run"), recipe.RECIPE)
    data = splice.load_splice()
    assert run.history()[-1]["tokens"] == 2 * (data.folds != 0).sum()
    assert "val_loss" not in run.history()[0] and (tmp_path / "run/curves.png").exists()


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["smoke", "lecture"])
def test_a_resumed_run_ends_as_an_unbroken_one(preset, tmp_path, monkeypatch):
    argv = ["--preset", preset, "--folds", "2", "--epochs", "2", "--no-baselines"]
    if preset == "lecture":
        argv += ["--batch-size", "256", "--units", "4"]
    unbroken = recipe.main([*argv, "--out", str(tmp_path / "unbroken")])
    broken = [*argv, "--out", str(tmp_path / "broken")]
    write = recipe.kit.EpochLog.on_epoch_end
    left = [3 if preset == "lecture" else 1]

    def interrupted(self, *args, **kwargs):
        write(self, *args, **kwargs)
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(recipe.kit.EpochLog, "on_epoch_end", interrupted)
    with pytest.raises(KeyboardInterrupt):
        recipe.main(broken)
    monkeypatch.setattr(recipe.kit.EpochLog, "on_epoch_end", write)
    resumed = recipe.main(["--resume", "--out", str(tmp_path / "broken")])
    without = {"train_seconds", "bases_per_second"}
    assert {k: v for k, v in resumed.items() if k not in without} == {
        k: v for k, v in unbroken.items() if k not in without
    }
    weights = [recipe.saved_run(str(tmp_path / n), recipe.RECIPE).load_model().get_weights()
               for n in ("unbroken", "broken")]  # fmt: skip
    for ours, theirs in zip(*weights, strict=True):
        assert (ours == theirs).all()


@pytest.mark.slow
def test_the_genes_of_lambda_are_learned(tmp_path):
    argv = ["--preset", "lambda", "--no-baselines", "--out", str(tmp_path / "run")]
    metrics = recipe.main(argv)
    assert metrics["validation_accuracy"] > 0.7 and metrics["test_genes_accuracy"] > 0.7
    assert metrics["test_stops_found"] > 0.5


def test_settings_read_back_from_a_saved_run(saved):
    run = recipe.saved_run(str(saved[0]), recipe.RECIPE)
    assert run.settings(Settings) == PRESETS["smoke"]

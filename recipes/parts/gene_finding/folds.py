"""Junctions by cross-validation: each fold is the test once, and the next one validates, if any does.

accuracy = (1/n) Σ_(folds k) #{sequences of fold k that the network of fold k judges right}
"""

import json

import keras
import numpy as np
import tensorflow as tf

from parts.gene_finding import networks
from recipe_kit import cli
from recipe_kit.datasets import splice
from recipe_kit.runs import Checkpoints, RunError
from rnn_kit import callbacks as kit

DONE = "folds.json"  # the folds that have come to their end, for --resume


class FoldRun:
    """One fold of a run, for `rnn_kit.callbacks.Checkpoint`: its own checkpoints, the run's log files.

    Args:
        run: The `Run`.
        fold: The fold's number.
        sizes: Bytes of the run's log files when the fold began.
    """

    def __init__(self, run, fold, sizes):
        self._run, self._sizes = run, sizes
        self.checkpoints = Checkpoints(run.checkpoints.folder / f"fold-{fold}")
        self.resumed = bool(self.checkpoints.paths())

    @property
    def seconds(self):
        return self._run.seconds

    @seconds.setter
    def seconds(self, value):
        self._run.seconds = value

    def sizes(self):
        return self._run.sizes()

    def truncate_logs(self, sizes):
        self._run.truncate_logs(sizes or self._sizes)


def parts(data, fold):
    """Returns which sequences are learned from, which validate, and which are the test."""
    test, validation = data.folds == fold, data.folds == (fold + 1) % splice.FOLDS
    return ~(test | validation), validation, test


def train(settings, data, run):
    """Trains the networks of each fold, and reads the fold's test once.

    Returns:
        The last fold's model; and one dict a fold: `fold`, `kept_epoch`, `predicted`, the class of each
        of its test sequences, and if a fold validates `validation_accuracy`.

    Raises:
        RunError: if the run is resumed with another number of epochs.
    """
    done = _done(settings, run)
    model = None
    for fold in range(settings.folds):
        if fold < len(done["folds"]):
            continue
        print(f"fold {fold + 1} of {settings.folds}")
        model, kept = _train_fold(settings, data, FoldRun(run, fold, done["sizes"]), run, fold)
        test = parts(data, fold)[2]
        logits = model(data.ids[test].astype("int32"), training=False)
        predicted = np.asarray(networks.together(logits)).argmax(axis=1)
        right = float((predicted == data.classes[test]).mean())
        print(f"  held out: {len(predicted)} sequences, accuracy {right:.4f}")
        run.save_model(model)
        done["folds"].append({"fold": fold, **kept, "predicted": predicted.tolist()})
        done |= {"seconds": run.seconds, "sizes": run.sizes()}
        run.write_json(DONE, done)
    return model or run.load_model(), done["folds"]


def _done(settings, run):
    """Returns what is known of the folds that have come to their end."""
    if not (run.resumed and run.file(DONE).exists()):
        return {"epochs": settings.epochs, "folds": [], "seconds": 0.0, "sizes": {}}
    done = json.loads(run.file(DONE).read_text(encoding="utf-8"))
    if done["epochs"] != settings.epochs:
        raise RunError(
            f"--epochs {settings.epochs}: the folds of {run.path} have {done['epochs']} each, and some "
            "have come to their end. Start anew in another folder."
        )
    run.seconds = done["seconds"]
    return done


def _train_fold(settings, data, fold_run, run, fold):
    learned, validation, _ = parts(data, fold)
    if not settings.validate:
        learned |= validation
    targets = np.repeat(data.classes[:, None], settings.networks, axis=1)
    seed = np.random.SeedSequence([settings.seed, fold]).generate_state(1)[0]
    keras.utils.set_random_seed(int(seed))
    checkpoint = kit.Checkpoint(fold_run, settings.checkpoint_seconds)
    dataset, batches = _shuffled(
        data.ids[learned], targets[learned], settings.batch_size, int(seed), checkpoint.first_batch
    )
    model = networks.judges(settings)
    rate = keras.optimizers.schedules.CosineDecay(settings.learning_rate, batches * settings.epochs)
    model.compile(
        keras.optimizers.Adam(rate, global_clipnorm=settings.clip_norm),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[networks.accuracy],
    )
    sequences = int(learned.sum())

    def log(row):
        run.append_history({"fold": fold, **row})

    callbacks = [
        kit.Throughput(sequences, "sequences"),
        kit.EpochLog(log, sequences),
        kit.StopOnNaN(),
    ]
    if settings.validate:  # by the loss: some 320 sequences have few different accuracies
        callbacks.append(cli.keep_best())
    held_out = data.ids[validation].astype("int32"), targets[validation]
    held_out = tf.data.Dataset.from_tensor_slices(held_out).batch(256)
    more = {"validation_data": held_out} if settings.validate else {}
    checkpoint.fit(model, dataset, batches, settings.epochs, callbacks, **more)
    history = [row for row in run.history() if row["fold"] == fold]
    if not settings.validate:
        return model, {"kept_epoch": history[-1]["epoch"]}
    kept = cli.best_row(history)
    return model, {"kept_epoch": kept["epoch"], "validation_accuracy": kept["val_accuracy"]}


def _shuffled(ids, targets, batch_size, seed, first_batch):
    """Makes endless batches, every sequence once an epoch, in an order drawn from (seed, epoch)."""
    count = len(ids)
    batches = -(-count // batch_size)
    ids, targets = tf.constant(ids.astype("int32")), tf.constant(targets)

    def cut(number):
        epoch, batch = number // batches, number % batches
        at = batch * batch_size + tf.range(batch_size, dtype=tf.int64)
        key = tf.stack([tf.constant(seed, tf.int64), epoch])
        at = tf.random.experimental.index_shuffle(at[at < count], key, count - 1)
        return tf.gather(ids, at), tf.gather(targets, at)

    return tf.data.Dataset.counter(first_batch).map(cut).prefetch(2), batches


def confusion(data, folds):
    """Counts sequences by their class (rows) and the one that was predicted (columns)."""
    size = len(splice.CLASSES)
    table = np.zeros((size, size), int)
    for fold in folds:
        test = parts(data, fold["fold"])[2]
        np.add.at(table, (data.classes[test], fold["predicted"]), 1)
    return table


def metrics(table, folds, data):
    """Returns accuracies over all test sequences, of each class, and their spread over the folds."""
    of_folds = [
        float((np.array(f["predicted"]) == data.classes[parts(data, f["fold"])[2]]).mean())
        for f in folds
    ]
    recall = table.diagonal() / np.maximum(1, table.sum(axis=1))
    validated = [fold["validation_accuracy"] for fold in folds if "validation_accuracy" in fold]
    return {
        **({"validation_accuracy": float(np.mean(validated))} if validated else {}),
        "kept_epoch": float(np.mean([fold["kept_epoch"] for fold in folds])),
        "test_accuracy": table.trace() / table.sum(),
        "test_accuracy_std_of_folds": float(np.std(of_folds, ddof=1)) if len(of_folds) > 1 else 0.0,
        **{f"test_accuracy_{name.lower()}": recall[n] for n, name in enumerate(splice.CLASSES)},
    }

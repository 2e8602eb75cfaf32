"""What a network's tags are worth: names found, by type, and the words in doubt."""

from collections import Counter, defaultdict

import keras
import numpy as np
import tensorflow as tf

from parts.name_tagging import sentences
from rnn_kit import callbacks as kit
from rnn_kit import crf, entities
from rnn_kit.metrics import EntityF1

IN_DOUBT = (0.1, 0.9)  # share of a word's places in the training part that are in names
OFTEN = 4  # places that such a word has in it, at least


class Reader:
    """Reads a part with a network, compiled once: tags, and the cost in nats.

    Args:
        model: The network, from inputs to potentials of a CRF or to logits.
        part: A list of `datasets.tagged.Sentence`.
        encoder: `sentences.Encoder`.
    """

    def __init__(self, model, part, encoder):
        self.part, self.tags = part, encoder.tags
        self.batches, self.order = sentences.evaluation_batches(part, encoder)
        self.metric = EntityF1(encoder.tags)

        @tf.function(input_signature=self.batches.element_spec, autograph=False)
        def read(inputs, tags):
            counts = tf.not_equal(inputs["words"], 0)
            out = model(inputs, training=False)
            if len(out.shape) == 4:
                path, _ = crf.viterbi(out)
                nats = -tf.reduce_sum(crf.log_likelihood(out, tags))
            else:
                path = tf.argmax(out, axis=-1, output_type=tf.int32)
                labels = tf.maximum(tags, 0)
                costs = keras.ops.sparse_categorical_crossentropy(labels, out, from_logits=True)
                nats = tf.reduce_sum(tf.where(counts, costs, 0.0))
            self.metric.update_state(tags, path, counts)
            return path, nats

        self._read = read

    def __call__(self):
        """Reads the part.

        Returns:
            A tuple: the tags of its sentences, lists of strings; nats a word; and the dict of
            `EntityF1.by_type`.
        """
        self.metric.reset_state()
        said, total = [None] * len(self.part), 0.0
        at = iter(self.order)
        for inputs, tags in self.batches:
            paths, nats = self._read(inputs, tags)
            total += float(nats)
            for path in paths.numpy():
                n = next(at)
                said[n] = [self.tags[label] for label in path[: len(self.part[n].words)]]
        words = sum(len(sentence.words) for sentence in self.part)
        return said, total / words, self.metric.by_type()


class ValidateNames(keras.callbacks.Callback):
    """Validates after each epoch: puts `val_loss`, nats a word, and `val_f1` into the epoch's logs.

    Args:
        reader: A `Reader` of the validation part.
    """

    def __init__(self, reader):
        super().__init__()
        self.reader = reader

    def on_epoch_end(self, epoch, logs=None):
        _, logs["val_loss"], by_type = self.reader()
        if not np.isfinite(logs["val_loss"]):
            raise kit.DivergedError(
                f"The validation loss became {logs['val_loss']} in epoch {epoch + 1}: the training "
                "diverged. Try a smaller learning rate, or clip gradients at a smaller norm."
            )
        logs["val_f1"] = by_type["all"]["f1"]


def scores(part, said, by_type, in_doubt):
    """Returns what a part came to, as names to numbers.

    Args:
        part: A list of sentences.
        said: Their tags by the network.
        by_type: Of `EntityF1.by_type`.
        in_doubt: Words, of `words_in_doubt`.
    """
    found = {name: by_type["all"][name] for name in ("f1", "precision", "recall")}
    found |= {f"f1_{kind}": of["f1"] for kind, of in by_type.items() if kind != "all"}
    true = [tag for sentence in part for tag in sentence.tags]
    found["accuracy"] = float(np.mean(np.array(true) == [tag for tags in said for tag in tags]))
    doubts = list(_doubts(part, said, in_doubt))
    found["words_in_doubt"] = len(doubts)
    if doubts:
        found["accuracy_in_doubt"] = float(np.mean(doubts))
    return found


def words_in_doubt(training):
    """Returns the words that the training part has both in names and outside of them, a set.

    Of a word's places between a tenth and nine tenths are in names: what stands around it decides.
    """
    places, named = Counter(), Counter()
    for sentence in training:
        for word, tag in zip(sentence.words, sentence.tags, strict=True):
            places[sentences.normalized(word)] += 1
            named[sentences.normalized(word)] += tag != entities.OUTSIDE
    least, most = IN_DOUBT
    return {w for w, n in places.items() if n >= OFTEN and least <= named[w] / n <= most}


def _doubts(part, said, in_doubt):
    """Yields whether the type is right, of each word in doubt that does not go on with a name."""
    for sentence, tags in zip(part, said, strict=True):
        for word, true, tag in zip(sentence.words, sentence.tags, tags, strict=True):
            prefix, kind = entities.split_tag(true)
            if prefix in "OBSU" and sentences.normalized(word) in in_doubt:
                yield kind == entities.split_tag(tag)[1]


def dictionary_f1(training, part, tags):
    """Returns F1 of a dictionary: names of the training part are found wherever they stand.

    The longest name that begins at a word is taken, with the type that it has most often; names that
    are more often no name in the training part are left out.
    """
    kinds, lengths = defaultdict(Counter), Counter()
    for sentence in training:
        for start, stop, kind in entities.from_tags(sentence.tags):
            name = tuple(sentence.words[start:stop])
            kinds[name][kind] += 1
            lengths[len(name)] += 1
    longest = max(lengths, default=0)
    for sentence in training:
        inside = {(start, stop) for start, stop, _ in entities.from_tags(sentence.tags)}
        for start in range(len(sentence.words)):
            for stop in range(start + 1, min(start + longest, len(sentence.words)) + 1):
                name = tuple(sentence.words[start:stop])
                if name in kinds and (start, stop) not in inside:
                    kinds[name][""] += 1
    best = {name: of.most_common(1)[0][0] for name, of in kinds.items()}
    right = found = there = 0
    for sentence in part:
        said, at, words = set(), 0, sentence.words
        while at < len(words):
            stops = range(min(at + longest, len(words)), at, -1)
            stop = next((stop for stop in stops if best.get(tuple(words[at:stop]))), None)
            if stop:
                said.add((at, stop, best[tuple(words[at:stop])]))
            at = stop or at + 1
        true = set(entities.from_tags(sentence.tags))
        right, found, there = right + len(said & true), found + len(said), there + len(true)
    return 2 * right / (found + there) if found + there else 0.0


def table(part, said):
    """Returns lines `word tag said`, an empty line between sentences, as conlleval reads them."""
    blocks = []
    for sentence, tags in zip(part, said, strict=True):
        rows = zip(sentence.words, sentence.tags, tags, strict=True)
        blocks.append("".join(f"{word} {true} {tag}\n" for word, true, tag in rows))
    return "\n".join(blocks)


def report(metrics, types):
    """Prints what the test part came to, type by type."""
    print(f"\n{'test':8}{'F1':>8}")
    for kind in types:
        print(f"{kind:8}{100 * metrics[f'test_f1_{kind}']:8.2f}")
    print(
        f"{'all':8}{100 * metrics['test_f1']:8.2f}   precision {100 * metrics['test_precision']:.2f}, "
        f"recall {100 * metrics['test_recall']:.2f}; a dictionary of the training part's names has "
        f"{100 * metrics['test_f1_dictionary']:.2f}"
    )
    if "test_accuracy_in_doubt" in metrics:
        print(
            f"words in doubt, {metrics['test_words_in_doubt']:.0f}: "
            f"{metrics['test_accuracy_in_doubt']:.3f} have their type right"
        )

"""What the recipe says: translations after each epoch, scores at the end, and sentences on request."""

import json
import sys
import time
from typing import NamedTuple

import numpy as np

from parts.translation import lessons, run_figures, scores
from recipe_kit import cli, figures, sentence_writer
from recipe_kit.runs import RunError, describe_machine
from recipe_kit.sentence_writer import chosen_beam
from recipe_kit.standard_input import lines_as_they_come
from rnn_kit.text import TokenVocabulary

WATCHED = 3  # validation sentences that are shown after each epoch
BEST = 3  # translations of a sentence
LONGEST = 200  # words of a sentence on request
WIDTH, PENALTY = 5, 1.0  # of the beam, where no result has chosen
SPEEDS = ((1, 1), (64, 1), (1, 5), (64, 5))  # sentences at once, and the beam's width


class Vocabularies(NamedTuple):
    """Of a saved run."""

    source_vocabulary: TokenVocabulary
    target_vocabulary: TokenVocabulary


class Tested(NamedTuple):
    """What a test part came to: metrics, translations (strings), BLEU by length, the signature."""

    metrics: dict
    translations: list
    by_length: list
    signature: str


class Judge:
    """Holds translations against what people wrote, or against the grammar that wrote the sources.

    Args:
        writer: A `decoding.TranslationWriter`.
        data: `lessons.Lessons`.
        settings: Of the run.
    """

    def __init__(self, writer, data, settings):
        self.writer, self.data, self.settings = writer, data, settings

    def after_epoch(self, run):
        """`score()` of validation, by the likeliest words, for `validation.ValidateSentences`."""
        part, level = self.data.validation, self.settings.level
        watched = np.random.default_rng(self.settings.seed).permutation(len(part))[:WATCHED]

        def score():
            found = self.writer.greedy(part.sources)
            written = [lessons.joined(sentence.words, level) for sentence in found]
            shown = "\n".join(
                f"    {lessons.joined(part.sources[n], level)}  ->  {written[n]}" for n in watched
            )
            print(shown, flush=True)
            run.append_sample(shown)
            return self.scores(part, written)[0]

        return score

    def choose(self):
        """The width and the length penalty of the beam with which validation has the best BLEU."""
        settings, part = self.settings, self.data.validation

        def bleu(translations):
            written = [lessons.joined(words, settings.level) for words in translations]
            return self.scores(part, written)[0]["bleu"]

        widths, penalties = settings.beam_widths, settings.length_penalties
        best, width = sentence_writer.choose(self.writer, part.sources, widths, penalties, bleu)
        penalty = best[width][1]
        found = self.scores(part, self.translations(part, width, penalty))[0]
        return {
            "beam_width": width,
            "length_penalty": penalty,
            **{f"validation_beam_{width}_bleu": value for width, (value, _) in best.items()},
            **{f"validation_{name}": value for name, value in found.items()},
        }

    def test(self, name, part, chosen):
        """Reads a test part, with the beam that validation chose: `Tested`."""
        written = self.translations(part, int(chosen["beam_width"]), chosen["length_penalty"])
        found, signature = self.scores(part, written)
        texts = self._references(part)
        lengths = [len(words) for words in part.sources]
        groups = scores.by_length(written, texts, lengths)
        metrics = {f"{name}_{key}": value for key, value in found.items()}
        if name == "test":
            metrics |= {
                f"test_bleu_of_{g['least']}_to_{g['most'] or 'any'}_words": g["bleu"] for g in groups
            }
        return Tested(metrics, written, groups, signature)

    def translations(self, part, width, penalty):
        """Of each sentence of a part the best translation, a string."""
        found = self.writer.beam(part.sources, width, penalty)
        return [lessons.joined(best.words, self.settings.level) for best, *_ in found]

    def scores(self, part, written):
        """BLEU, chrF, exact matches, of a grammar's sentences the share that is true; the signature."""
        found, signature = scores.score(written, self._references(part))
        grammar = self.data.translations.sentences
        if grammar:
            sources = [lessons.joined(words, self.settings.level) for words in part.sources]
            right = [grammar[s].is_right(t) for s, t in zip(sources, written, strict=True)]
            found["truth"] = float(np.mean(right))
        return found, signature

    def _references(self, part):
        return [[lessons.joined(words, self.settings.level) for words in of] for of in part.references]


def table(part, written, settings):
    """Test sentences with their translations and what people wrote, as a text."""
    lines = []
    for source, ours, references in zip(part.sources, written, part.references, strict=True):
        lines += [
            f"source       {lessons.joined(source, settings.level)}",
            f"translation  {ours}",
            *(f"reference    {lessons.joined(words, settings.level)}" for words in references),
            "",
        ]
    return "\n".join(lines)


def report(metrics, data, signature):
    """Prints what the test came to."""
    for name in ("test", *(f"test_{other}" for other in data.others)):
        said = [
            f"BLEU {metrics[f'{name}_bleu']:.1f}",
            f"chrF {metrics[f'{name}_chrf']:.1f}",
            f"{metrics[f'{name}_exact']:.1f}% word for word",
        ]
        if f"{name}_truth" in metrics:
            said.append(f"{100 * metrics[f'{name}_truth']:.1f}% true")
        if f"{name}_perplexity" in metrics:
            said.append(f"perplexity {metrics[f'{name}_perplexity']:.2f}")
        print(f"{name.replace('_', ' ')}: {', '.join(said)}")
    print(
        f"beam {metrics['beam_width']:.0f}, length penalty {metrics['length_penalty']:g}, as "
        f"validation chose; sacrebleu {signature}"
    )


# With a saved run


def translate(run, writer, settings, given, texts):
    """Prints the best translations of sentences, and draws where the network has looked.

    Args:
        run: The saved `Run`.
        writer: A `decoding.TranslationWriter`.
        settings: Of the run, with the flags that were given.
        given: Those flags: names to values.
        texts: Sentences; or `["-"]`, for a sentence a line of standard input.

    Returns:
        A list of lists of `Sentence`s.
    """
    width, penalty = chosen_beam(run, given, WIDTH, PENALTY)
    if texts == ["-"]:
        found = []
        for lines in lines_as_they_come(sys.stdin, settings.encoding):
            known = [_known_words(writer, settings, line) for _, line in lines]
            batch = writer.beam(known, width, penalty)
            for best, *_ in batch:
                print(lessons.joined(best.words, settings.level), flush=True)
            found += batch
        return found
    sources = [_known_words(writer, settings, text) for text in texts]
    found = writer.beam(sources, max(width, BEST), penalty)
    for n, (source, sentences) in enumerate(zip(sources, found, strict=True)):
        print(f"\n{lessons.joined(source, settings.level)}")
        for sentence in sentences[:BEST]:
            print(f"  {sentence.log_p:8.2f}  {lessons.joined(sentence.words, settings.level)}")
        best = sentences[0].words
        if writer.model.attention != "none" and best:
            name = "alignment.png" if len(sources) == 1 else f"alignment-{n + 1}.png"
            try:
                figures.save(run, name, run_figures.alignment(writer, source, best))
                print(f"  where it looked: {run.file(name)}")
            except RunError as error:
                sys.stderr.write(f"The alignment is not drawn: {error}\n")
    print("\nthe number is ln p(translation | source), in nats")
    return found


def score_pair(writer, settings, text, translation):
    """Prints p(target | source) word by word. Returns ln p of each word and of the end."""
    source = _known_words(writer, settings, text)
    target = _known_words(writer, settings, translation, writer.target_vocabulary)
    log_p = writer.log_p(source, target)
    for word, value in zip([*target, "<eos>"], log_p, strict=True):
        print(f"  {np.exp(value):8.4f}  {word}")
    print(
        f"p(target | source) = exp({log_p.sum():.3f}); {-log_p.mean():.3f} nats a word, perplexity "
        f"{np.exp(-log_p.mean()):.2f}"
    )
    return log_p


def measure(writer, data, settings, repeats=3):
    """Prints sentences a second, one at a time and 64, of the test part.

    Returns:
        A dict of `batch_B_beam_W` to sentences a second, the median of the repeats.
    """
    print(f"sentences of the test part, on {describe_machine()}")
    sources, speeds = data.test.sources[:64], {}
    for batch, width in SPEEDS:
        groups = [sources[n : n + batch] for n in range(0, len(sources) if batch > 1 else 16, batch)]
        for group in groups:  # compiles
            writer.beam(group, width, PENALTY)
        seconds = []
        for _ in range(repeats):
            began = time.perf_counter()
            for group in groups:
                writer.beam(group, width, PENALTY)
            seconds.append(time.perf_counter() - began)
        count = sum(map(len, groups))
        speed = count / float(np.median(seconds))
        speeds[f"batch_{batch}_beam_{width}"] = speed
        print(
            f"batch {batch:2}, beam {width}: {speed:8.1f} sentences/s ({count / max(seconds):.1f} to "
            f"{count / min(seconds):.1f} over {repeats} rounds)"
        )
    return speeds


def _known_words(writer, settings, text, vocabulary=None):
    """The words of a sentence, of which the network must know one at least."""
    vocabulary = vocabulary or writer.source_vocabulary
    words = lessons.split_words(text.lower() if settings.lower else text, settings.level)
    if not words:
        raise cli.UserError("A sentence without words: give some text to translate.")
    if len(words) > LONGEST:
        raise cli.UserError(
            f"A sentence of {len(words):,} words: {LONGEST} are the most. Give them one by one."
        )
    unseen = vocabulary.unseen(words)
    if len(unseen) == len(set(words)):
        raise cli.UserError(
            f"None of the words of {json.dumps(text[:60], ensure_ascii=False)} is known to this run, "
            "which learned from other text. Is it in the language that the run reads?"
        )
    if unseen:
        sys.stderr.write(f"Read as <unk>, for the run has not learned them: {', '.join(unseen[:8])}\n")
    return words

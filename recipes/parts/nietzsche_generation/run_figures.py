"""Draws the figures of a run, as `.png` files in its folder."""

from recipe_kit import figures


def draw(run, generator, vocabulary, context, histories):
    """Draws the losses of this run (and of comparable ones), and its predictions after a context.

    Args:
        run: The `Run` whose folder takes them.
        generator: The trained model's generator.
        vocabulary: Its characters.
        context: Ids of a text whose next character is predicted.
        histories: A dict of names to histories, this run's first.
    """
    title = f"{run.config['data']['name']}, one character at a time"
    figures.save(run, "loss.png", figures.loss_curves(histories, title))
    logits, _ = generator.prefill(context[None])
    after = "…" + vocabulary.decode(context[-24:])
    figures.save(run, "temperatures.png", figures.temperatures(logits[0], vocabulary.characters, after))

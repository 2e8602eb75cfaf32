"""The figures of a run, as `.png` files in its folder."""

from recipe_kit import figures


def draw(run, generator, vocabulary, context, histories):
    """Draws the losses of this run (and of others beside it), and what it expects after a context.

    Args:
        run: The `Run` to whose folder they go.
        generator: Of the trained model.
        vocabulary: Of its characters.
        context: Ids of a text to predict the next character of.
        histories: Names to histories, this run's first.
    """
    title = f"{run.config['data']['name']}, one character at a time"
    figures.save(run, "loss.png", figures.loss_curves(histories, title))
    logits, _ = generator.prefill(context[None])
    after = "…" + vocabulary.decode(context[-24:])
    figures.save(run, "temperatures.png", figures.temperatures(logits[0], vocabulary.characters, after))

"""The pictures of a run, as `.png` files in its folder."""

from rnn_kit import plots


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
    plots.save(run, "loss.png", plots.loss_curves(histories, title))
    logits, _ = generator.prefill(context[None])
    after = "…" + vocabulary.decode(context[-24:])
    plots.save(run, "temperatures.png", plots.temperatures(logits[0], vocabulary.characters, after))

"""Compiled loops over a language model: sampling, streaming, scoring, beam search."""

from rnn_kit.generation.beam import beam_search
from rnn_kit.generation.generator import Generator, generate
from rnn_kit.generation.steppable import position_wise
from rnn_kit.generation.window import WindowGenerator

__all__ = ["Generator", "WindowGenerator", "beam_search", "generate", "position_wise"]

"""Compiled loops that write with a language model: sampling, streaming, scoring, beam search."""

from rnn_kit.generation.beam import beam_search
from rnn_kit.generation.generator import Generator, generate
from rnn_kit.generation.plan import position_wise

__all__ = ["Generator", "beam_search", "generate", "position_wise"]

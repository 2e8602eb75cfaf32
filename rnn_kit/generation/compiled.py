"""Compiled functions that are kept for the next call, but not for ever."""

import collections


class Compiled(collections.OrderedDict):
    """The functions compiled for the last `most` keys: a sampler, or a step of a beam search."""

    def __init__(self, most=8):
        super().__init__()
        self.most = most

    def get_or_compile(self, key, compile_function):
        """The function of a key; `compile_function()` makes it at first."""
        if key not in self:
            self[key] = compile_function()
        self.move_to_end(key)
        while len(self) > self.most:
            self.popitem(last=False)
        return self[key]

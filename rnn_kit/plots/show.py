"""Opening pictures on the screen."""

import webbrowser
from pathlib import Path


def show(paths):
    """Opens pictures and pages in the programs that the system has for them.

    Args:
        paths: Files. Where the system has nothing to open one with (no screen, say), a line says where
            it is.
    """
    for path in paths:
        path = Path(path).resolve()
        if not webbrowser.open(path.as_uri()):
            print(f"Nothing here opens {path}: look at it where there is a screen.")

"""Opens figures on the screen."""

import os
import sys
import webbrowser
from pathlib import Path


def show(paths):
    """Opens figures and pages in the system's programs for them.

    Args:
        paths: Files. Without a screen or program for one, prints its path.
    """
    for path in map(Path, paths):
        if not (_has_screen() and _open(path)):
            print(f"Nothing here can show {path}: open it where there is a screen.")


def _open(path):
    try:
        return webbrowser.open(path.resolve().as_uri())
    except (webbrowser.Error, OSError):
        return False


def _has_screen():
    """Returns whether a screen exists; else `webbrowser` would start a browser in the terminal."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))

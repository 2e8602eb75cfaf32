"""Opening figures on the screen."""

import os
import sys
import webbrowser
from pathlib import Path


def show(paths):
    """Opens figures and pages in the programs that the system has for them.

    Args:
        paths: Files. Where there is no screen, or nothing to open one with, a line says where it is.
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
    """Without one, `webbrowser` would start a browser in the terminal, which waits for keys."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))

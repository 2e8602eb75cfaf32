"""Pictures are opened on the screen, or it is said where they are."""

import webbrowser

import pytest

from recipe_kit.figures import show


@pytest.fixture
def screen(monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("DISPLAY", ":0")


def test_pictures_are_opened_in_order_by_their_whole_addresses(screen, monkeypatch, tmp_path, capsys):
    opened = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(webbrowser, "open", lambda address: not opened.append(address))
    show([tmp_path / "a loss.png", "table.png"])
    assert opened == [(tmp_path / name).as_uri() for name in ("a loss.png", "table.png")]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("problem", ["refuses", "raises"])
def test_what_nothing_opens_is_named(problem, screen, monkeypatch, capsys):
    def refuse(address):
        if problem == "raises":
            raise webbrowser.Error("no browser")
        return False

    monkeypatch.setattr(webbrowser, "open", refuse)
    show(["loss.png"])
    assert "Nothing here can show loss.png" in capsys.readouterr().out


def test_without_a_screen_no_browser_is_started_in_the_terminal(monkeypatch, capsys):
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(webbrowser, "open", lambda address: pytest.fail(f"opened {address}"))
    show(["loss.png"])
    assert "loss.png" in capsys.readouterr().out

"""Reads rows of a caption file in each common form: lines, tables, and JSON.

A row is a triple of an image's name, a list of captions, and the name of the image's part, or "".
"""

import ast
import json
import posixpath
import re

from recipe_kit.datasets._files import DataError
from recipe_kit.datasets._tables import a_few, read, read_table, short, whole
from rnn_kit.text.decoding import normalize_nfc

_IMAGE = (  # headers of a column of images' names, the surest first
    "file_name filename image_name image_file image_path file_path filepath image file path img "
    "image_id img_id"
).split()
_CAPTION = "caption captions comment text sentence sentences raw description".split()
_PART = "split partition".split()
_SWALLOWED = re.compile(  # the start of another row inside a caption
    r"\n\s*[^\n,;|\t]+\.(jpe?g|jfif|png|bmp|gif|webp|tiff?)\s*[,;|\t]", re.IGNORECASE
)


def from_lines(path, content):
    """Reads lines of a name, `#`, a number, a tab and a caption, as in Flickr8k's `.token`."""
    for number, line in enumerate(content.split("\n"), 1):
        if not line.strip():
            continue
        key, tab, caption = line.partition("\t")
        name, _, index = key.strip().rpartition("#")
        if not tab:
            wrong = "has no tab"
        elif not (name and index.isdecimal()):
            wrong = "has no name, # and number before the tab"
        else:
            yield name, [caption], ""
            continue
        raise DataError(
            f"{path}, line {number}: {short(line)} {wrong}: expected lines such as name.jpg#0, a tab "
            "and the caption; correct or delete it"
        )


# Tables


def columns(header):
    """Returns the indexes of the columns of image names and of captions, or `None` if one lacks."""
    image, caption = _column(header, _IMAGE), _column(header, _CAPTION)
    return None if image is None or caption is None else (image, caption)


def _column(header, names):
    header = [re.sub(r"[\s-]+", "_", name.strip().lower()) for name in header]
    return next((header.index(name) for name in names if name in header), None)


def from_table(path, encoding, notes):
    """Reads rows of a table, or of JSON lines, by the names of its columns."""
    table = read_table(path, encoding)
    header, found = table.header, columns(table.header)
    lower = [name.lower() for name in header]
    if found is None or any(lower.count(lower[at]) > 1 for at in found):
        raise DataError(
            f"{path}, line 1: the header names {a_few(header)}: expected one column 'image' (or "
            "'file_name', 'filename', 'image_name') and one 'caption' (or 'text', 'comment'); add the "
            "header image,caption or rename columns"
        )
    image, caption = found
    part = _column(header, _PART)
    empty = []
    for line, fields in table.rows:
        fields = [normalize_nfc(field) for field in fields]
        if not any(map(str.strip, fields)):
            empty.append(line)
            continue
        fitted = table.fitted(fields, caption) or _number_apart(header, fields)
        if fitted is None:
            raise DataError(
                f"{path}, line {line}: expected {len(header)} fields, as in the header, found "
                f"{len(fields)}; put a field that holds the delimiter into double quotes"
            )
        if not fitted[image].strip():
            raise DataError(f"{path}, line {line}: expected an image's name, found none; fill it in")
        if _SWALLOWED.search(fitted[caption]):
            raise DataError(
                f"{path}, line {line}: a double quote joins this row and the next into one caption: "
                "expected a field in double quotes to end in its row; delete the quote, or double each "
                "quote within a quoted field"
            )
        yield fitted[image], _texts(fitted[caption]), "" if part is None else fitted[part]
    if empty:
        lines = ", ".join(map(str, empty[:5])) + (" ..." if len(empty) > 5 else "")
        rows = "row" if len(empty) == 1 else "rows"
        notes.append(f"{path.name}: {len(empty):,} empty {rows} left out, line {lines}")


def _number_apart(header, fields):
    """Returns the fields of a row whose comment number lacks its delimiter, or `None`.

    Flickr30k's `results.csv` has one such row: `2199200615.jpg| 4   A dog runs across the grass .`
    """
    both = re.fullmatch(r"\s*(\d+)\s+(\S.*)", fields[-1], re.DOTALL)
    if both and len(fields) == len(header) - 1 and header[-2].lower().endswith("number"):
        return [*fields[:-1], *both.groups()]
    return None


def _texts(field):
    """Returns the captions of a field: itself, or those of a list in JSON or Python syntax."""
    if field.lstrip().startswith("["):
        for parse in (json.loads, ast.literal_eval):
            try:
                return [_text(each) for each in parse(field.strip())]
            except (ValueError, SyntaxError, TypeError, KeyError, RecursionError, MemoryError):
                continue
    return [field]


def _text(sentence):
    """Returns the text of a sentence: itself, or an entry of Karpathy's files."""
    if isinstance(sentence, dict):
        sentence = sentence["raw"] if "raw" in sentence else " ".join(sentence["tokens"])
    if not isinstance(sentence, str):
        raise TypeError(f"expected a caption, found {short(repr(sentence))}")
    return whole(sentence)


# JSON


def from_json(path, encoding, notes):
    """Reads rows of a JSON file: Karpathy's, COCO's, a dict of captions, or a list of objects."""
    try:
        value = json.loads(read(path, encoding))
    except ValueError:  # perhaps one object a line
        return from_table(path, encoding, notes)
    except RecursionError:
        raise DataError(f"{path} is nested too deep: expected a file of captions") from None
    if not isinstance(value, dict) or columns(value):
        return from_table(path, encoding, notes)
    try:
        if "images" not in value:
            return _by_name(value)
        if "annotations" in value:
            return _coco(path, value, notes)
        return _karpathy(value["images"])
    except (KeyError, TypeError, AttributeError) as error:
        found = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise DataError(
            f"{path} is not of a known form ({found}): expected `images` with `filename` and "
            "`sentences`, as in Karpathy's files; with `id` and `file_name`, and `annotations` with "
            "`image_id` and `caption`, as in COCO's captions_*.json; or names with their captions"
        ) from None


def _by_name(value):
    return [
        (name, [_text(each) for each in ([texts] if isinstance(texts, str) else texts)], "")
        for name, texts in value.items()
    ]


def _karpathy(images):
    return [
        (
            posixpath.join(image.get("filepath") or "", image["filename"]),
            [_text(sentence) for sentence in image["sentences"]],
            image.get("split") or "",
        )
        for image in images
    ]


def _coco(path, value, notes):
    names = {image["id"]: image["file_name"] for image in value["images"]}
    rows = [
        (names.get(each["image_id"]), [_text(each["caption"])], "") for each in value["annotations"]
    ]
    lost = sum(name is None for name, *_ in rows)
    if lost:
        captions = "caption" if lost == 1 else "captions"
        notes.append(f"{lost:,} {captions} of images that {path.name} does not name left out")
    return [row for row in rows if row[0] is not None]

"""Image features of a network for ImageNet, computed before its last layers, and files of them."""

import hashlib
import unicodedata
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recipe_kit.datasets import DataError

KINDS = {"pooled": "features", "grid": "grid"}  # to their array names in a file
_FORM = (
    "expected an .npz file with `image_id` (N,) and `features` (N, D), or `grid` (N, cells, D) and "
    "perhaps `scale` (D,), without pickles"
)


@dataclass(frozen=True, eq=False)
class Features:
    """Features of N images.

    Attributes:
        names: N names of images.
        pooled: `(N, D)`, a vector an image, or `None`.
        grid: `(N, cells, D)`, a vector for each cell of a grid, row by row, or `None`.
        scale: `(D,)`, multiplies the grid's vectors, or `None`.
        info: The features' origin, for a result.
    """

    names: tuple
    pooled: np.ndarray | None
    grid: np.ndarray | None
    scale: np.ndarray | None
    info: dict

    def rows(self, names):
        """Returns the row indexes of these images, found by name, or by name without the suffix.

        Raises:
            DataError: naming the missing images.
        """
        at, stems = {}, {}
        for row, name in enumerate(self.names):
            at[_composed(name)] = row
            stems.setdefault(Path(_composed(name)).stem, []).append(row)
        found = []
        for name in map(_composed, names):
            by_stem = stems.get(Path(name).stem, [])
            if name not in at and len(by_stem) > 1:
                same = ", ".join(self.names[row] for row in by_stem[:3])
                raise DataError(
                    f"{self.info['source']} has several images that {name} may be ({same}): name it "
                    "as it is named there"
                )
            found.append(at.get(name, by_stem[0] if by_stem else None))
        missing = [name for name, row in zip(names, found, strict=True) if row is None]
        if missing:
            more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
            raise DataError(
                f"{self.info['source']} has no features of {', '.join(missing[:3])}{more}: give a file "
                "that has them, or let a run compute its own (without --features)"
            )
        return np.array(found, "int64")

    def values(self, rows):
        """Returns the features of the images of these rows: float32 arrays by kind."""
        values = {}
        if self.pooled is not None:
            values["pooled"] = self.pooled[rows].astype("float32")
        if self.grid is not None:
            scale = np.float32(1) if self.scale is None else self.scale.astype("float32")
            values["grid"] = self.grid[rows].astype("float32") * scale
        return values


def _composed(name):
    """Returns a name in Unicode's NFC: file systems differ in how they write the same name."""
    return unicodedata.normalize("NFC", str(name))


def read(path):
    """Reads a file of precomputed features.

    Args:
        path: An `.npz` without pickles: `image_id` `(N,)`; and `features` `(N, D)`, or `grid`
            `(N, cells, D)` with or without `scale` `(D,)`, or all.

    Returns:
        `Features`.

    Raises:
        DataError: if it is missing, damaged, or has another form.
    """
    path = Path(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            held = {n: file[n] for n in ("image_id", "features", "grid", "scale") if n in file.files}
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}): {_FORM}") from None
    except (ValueError, EOFError, AttributeError, TypeError, zlib.error, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is no file of features ({error}): {_FORM}") from None
    names, pooled, grid, scale = map(held.get, ("image_id", "features", "grid", "scale"))
    if names is None or (pooled is None and grid is None):
        raise DataError(f"{path} has {', '.join(held) or 'nothing of it'}: {_FORM}")
    wrong = _wrong(names, pooled, grid, scale)
    if wrong:
        raise DataError(f"{path}: {wrong}: {_FORM}")
    info = {"source": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    names = names.astype("U") if names.dtype.kind == "U" else [name.decode() for name in names.tolist()]
    return Features(tuple(map(_composed, names)), pooled, grid, scale, info)


def _wrong(names, pooled, grid, scale):
    if names.ndim != 1 or names.dtype.kind not in "US" or not len(names):
        return f"image_id is {names.dtype} of shape {names.shape}"
    if len(set(names.tolist())) < len(names):
        return "image_id names an image twice"
    for what, values, rank in (("features", pooled, 2), ("grid", grid, 3)):
        if values is None:
            continue
        if values.ndim != rank or len(values) != len(names) or not values.size:
            return f"{what} has the shape {values.shape}, for {len(names)} images"
        if values.dtype.kind not in "fiu" or not np.isfinite(values).all():
            return f"{what} has values that are no finite numbers"
    if scale is not None and grid is not None:
        if scale.shape != grid.shape[-1:]:
            return f"scale has the shape {scale.shape}, and the grid's vectors {grid.shape[-1:]}"
        if scale.dtype.kind not in "fiu" or not np.isfinite(scale).all():
            return "scale has values that are no finite numbers"
    return None


def merge(files):
    """Merges files into one `Features`: the pooled vectors of one, the grid of another.

    Raises:
        DataError: if two have the same kind, or they have no image in common.
    """
    first, *others = files
    for other in others:
        for kind in KINDS:
            if getattr(first, kind) is not None and getattr(other, kind) is not None:
                raise DataError(
                    f"{first.info['source']} and {other.info['source']} both have {KINDS[kind]}: give "
                    "one file for each kind"
                )
        known = set(other.names)
        names = tuple(name for name in first.names if name in known)
        if not names:
            raise DataError(
                f"{first.info['source']} and {other.info['source']} have no image in common: give "
                "files of the same images"
            )
        ours, theirs = first.rows(names), other.rows(names)
        held = {}
        for kind in KINDS:
            of, rows = (first, ours) if getattr(first, kind) is not None else (other, theirs)
            held[kind] = None if getattr(of, kind) is None else getattr(of, kind)[rows]
        scale = first.scale if first.grid is not None else other.scale
        sources = {
            "source": f"{first.info['source']}, {other.info['source']}",
            "sha256": f"{first.info['sha256']}, {other.info['sha256']}",
        }
        first = Features(names, held["pooled"], held["grid"], scale, sources)
    return first

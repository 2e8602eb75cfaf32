"""Computes features of images once with a network of `keras.applications`, and keeps them."""

import hashlib
import os
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from parts.image_captioning import photos
from parts.image_captioning.features import KINDS, Features
from recipe_kit.datasets import DataError
from recipe_kit.progress import progress_bar
from recipe_kit.runs import atomic_write

SHARD = 512  # images computed between writes
BATCH = 32
READERS = 4  # threads that read images

# Side in pixels of the images that a network of keras.applications expects, if not 224.
SIZES = {
    **dict.fromkeys(("inceptionv3", "inceptionresnetv2", "xception"), 299),
    "nasnetlarge": 331,
    **{f"efficientnetb{n}": size for n, size in enumerate((240, 260, 300, 380, 456, 528, 600), 1)},
    **{f"efficientnetv2b{n}": size for n, size in enumerate((240, 260, 300), 1)},
    **{"efficientnetv2s": 384, "efficientnetv2m": 480, "efficientnetv2l": 480},
}


def backbones():
    """Returns the networks of `keras.applications` by lower-case name: (class, module)."""
    import keras

    found = {}
    for module in vars(keras.applications).values():
        if not hasattr(module, "preprocess_input"):
            continue
        for name, value in vars(module).items():
            if name[0].isupper() and callable(value):
                found[name.lower()] = value, module
    for name in ("MobileNetV3Small", "MobileNetV3Large"):  # not exported by their module
        found[name.lower()] = getattr(keras.applications, name), keras.applications.mobilenet_v3
    return found


def extract(
    paths,
    backbone,
    folder,
    weights="imagenet",
    kinds=("pooled", "grid"),
    size=None,
    batch_size=BATCH,
    show=print,
    unreadable=None,
):
    """Computes the features of images with a network of `keras.applications`, and keeps them.

    Omits the network's last layers: the output before the pooling is the grid, `(cells, D)`, and the
    mean of its cells the pooled vector. Keeps the features in `folder`, in a file named by backbone,
    weights, size and kind, which identifies an image by its name and the SHA-256 of its content, so
    that a replaced image is computed again. Writes every 512 finished images, so that an interrupted
    computation resumes from there.

    Args:
        paths: A dict of image names to files.
        backbone: One of `keras.applications`, in any case: `MobileNetV2`, `InceptionV3`, `VGG16`, ...
        folder: The folder for the features.
        weights: `"imagenet"`, `"none"` for random ones, or the path of a file of weights.
        kinds: `"pooled"`, `"grid"`, or both.
        size: Pixels of a side. Default: the network's own.
        batch_size: Images a batch.
        show: Called with lines of progress.
        unreadable: A dict that collects unreadable images, names to reasons; they are left out then.
            Default: the first unreadable image raises.

    Returns:
        `Features`, in the order of `paths`.

    Raises:
        DataError: if the backbone is unknown, its weights are unavailable, or an image cannot be read
            (with `unreadable`: if no image can be read).
    """
    known = backbones()
    if backbone.lower() not in known:
        raise DataError(
            f"--backbone {backbone}: keras.applications has no such network. It has, among others, "
            "MobileNetV2, InceptionV3, VGG16, ResNet50, EfficientNetB0"
        )
    make, module = known[backbone.lower()]
    size = size or SIZES.get(backbone.lower(), 224)
    name = f"{backbone.lower()}-{_weights_name(weights)}-{size}-{'+'.join(kinds)}"
    store = _Store(Path(folder), name, kinds)
    hashes = what_can_be_read(_sha256, paths, unreadable)
    missing = [name for name in hashes if not store.has(name, hashes[name])]
    if missing:
        encode = None
        brief = len(missing) <= batch_size  # finishes before a bar would help
        with progress_bar(len(missing), "images", shown=not brief) as bar:
            for begin in range(0, len(missing), SHARD):
                shard = missing[begin : begin + SHARD]
                names, parts = [], []
                for at in range(0, len(shard), batch_size):
                    batch = {name: paths[name] for name in shard[at : at + batch_size]}
                    squares = what_can_be_read(
                        lambda path: photos.square(photos.open_photo(path), size), batch, unreadable
                    )
                    if squares and encode is None:  # builds the network only if images were read
                        show(
                            f"{len(missing):,} images through {backbone} ({size} x {size}), kept in "
                            f"{store.path}"
                        )
                        encode = _network(make, module, backbone, weights, size, kinds)
                    if squares:
                        names += squares
                        parts.append(encode(np.stack(list(squares.values()))))
                    bar.update(len(batch))
                if parts:
                    values = {kind: np.concatenate([part[kind] for part in parts]) for kind in kinds}
                    store.add(names, hashes, values)
        if encode is not None:
            store.close()
    names = [name for name in paths if name not in (unreadable or ())]
    if not names:
        raise none_can_be_read(unreadable)
    return store.features(names, kinds, f"{backbone}, {weights}, {size}")


def what_can_be_read(read, paths, unreadable):
    """Applies a reading function to each file, several at a time.

    Args:
        read: Called with a path; raises `DataError` for an unreadable file.
        paths: Names to paths.
        unreadable: As in `extract`.

    Returns:
        A dict of names to values, without those that were added to `unreadable`.
    """

    def attempt(path):
        try:
            return read(path)
        except DataError as error:
            return error

    with ThreadPoolExecutor(READERS) as pool:
        made = dict(zip(paths, pool.map(attempt, paths.values()), strict=True))
    for name, value in made.items():
        if isinstance(value, DataError):
            if unreadable is None:
                raise value
            unreadable[name] = str(value)
    return {name: value for name, value in made.items() if not isinstance(value, DataError)}


def none_can_be_read(unreadable):
    """Returns the error for images none of which can be read; `unreadable` as `extract` fills it."""
    reason = next(iter(unreadable.values()))
    return DataError(
        reason if len(unreadable) == 1 else f"none of {len(unreadable):,} images can be read: {reason}"
    )


def _weights_name(weights):
    if weights in ("imagenet", "none"):
        return weights
    try:
        return hashlib.sha256(Path(weights).read_bytes()).hexdigest()[:8]
    except OSError as error:
        raise DataError(
            f"--weights {weights} cannot be read ({error.strerror or error}): expected imagenet, none, "
            "or a file of weights"
        ) from None


def _network(make, module, backbone, weights, size, kinds):
    """Returns a function from uint8 `(B, size, size, 3)` to a dict of float16 arrays by kind."""
    import keras

    if weights == "none":  # the same every time, or what was learned from them would not apply
        keras.utils.set_random_seed(0)
    try:
        model = make(
            include_top=False,
            weights=None if weights == "none" else weights,
            input_shape=(size, size, 3),
        )
    except Exception as error:  # a failed download or another network's file: quotes Keras
        reason = str(error).strip().splitlines()[0]
        home = os.environ.get("KERAS_HOME", "~/.keras")
        raise DataError(
            f"The weights '{weights}' of {backbone} cannot be had ({reason}). Without a network, put "
            f"the file that Keras asks for into {home}/models, name one with --weights, give features "
            "that were computed before with --features, or try --data shapes, which needs nothing"
        ) from None

    def encode(images):
        grid = model.predict_on_batch(module.preprocess_input(images.astype("float32")))
        grid = grid.reshape(len(grid), -1, grid.shape[-1])
        values = {"grid": grid, "pooled": grid.mean(axis=1)}
        return {kind: _halved(values[kind], backbone) for kind in kinds}

    return encode


def _halved(values, backbone):
    """Returns the values in float16, the stored precision.

    Raises:
        DataError: if the values exceed its range.
    """
    if not np.isfinite(values).all() or np.abs(values).max(initial=0) > np.finfo("float16").max:
        raise DataError(
            f"--backbone {backbone} gives features of up to {np.abs(values).max():g}, and what is kept "
            f"of them holds up to {np.finfo('float16').max:g}: take another backbone, or other weights"
        )
    return values.astype("float16")


class _Store:
    """Features on disk: one file, and beside it the shards of unfinished work.

    Several runs may compute at once: each writes its own shards and, before it writes the one file,
    loads what others have finished meanwhile.
    """

    def __init__(self, folder, name, kinds):
        self.path = folder / f"features-{name}.npz"
        self._keys = [KINDS[kind] for kind in kinds]
        self._pattern = f"{self.path.stem}.shard-*.npz"
        self._held = {}  # names to (SHA-256, file's arrays, row)
        self._load_all()

    def has(self, name, sha256):
        return name in self._held and self._held[name][0] == sha256

    def _load_all(self):
        """Loads what is on disk. Returns the shards that were there."""
        shards = sorted(self.path.parent.glob(self._pattern))
        for path in [self.path, *shards]:
            if path.exists():  # another run may have deleted a shard
                self._take(self._load(path))
        return shards

    def add(self, names, hashes, values):
        """Keeps a shard, in memory and on disk."""
        arrays = {
            "image_id": np.array(names),
            "sha256": np.array([hashes[name] for name in names]),
            **{KINDS[kind]: array for kind, array in values.items()},
        }
        digest = hashlib.sha256("".join(arrays["sha256"]).encode()).hexdigest()[:12]
        self._write(self.path.with_name(f"{self.path.stem}.shard-{digest}.npz"), arrays)
        self._take(arrays)

    def close(self):
        """Merges everything into the one file, and deletes the merged shards."""
        shards = self._load_all()
        names = list(self._held)
        kinds = [key for key in KINDS.values() if key in self._held[names[0]][1]]
        arrays = {"image_id": np.array(names), "sha256": np.array([self._held[n][0] for n in names])}
        for key in kinds:
            arrays[key] = np.stack([self._held[n][1][key][self._held[n][2]] for n in names])
        self._write(self.path, arrays)
        for shard in shards:
            shard.unlink(missing_ok=True)

    def features(self, names, kinds, source):
        values = {
            kind: np.stack([self._held[n][1][KINDS[kind]][self._held[n][2]] for n in names])
            for kind in kinds
        }
        content = "".join(self._held[n][0] for n in names) + source
        info = {"source": source, "sha256": hashlib.sha256(content.encode()).hexdigest()}
        return Features(tuple(names), values.get("pooled"), values.get("grid"), None, info)

    def _take(self, arrays):
        for row, (name, sha256) in enumerate(zip(arrays["image_id"], arrays["sha256"], strict=True)):
            self._held[str(name)] = str(sha256), arrays, row

    def _load(self, path):
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            lacking = {"image_id", "sha256", *self._keys} - set(arrays)
            if lacking:
                raise ValueError(f"it has no {', '.join(sorted(lacking))}")
            return arrays
        except FileNotFoundError:  # deleted by another run since it was listed
            return {"image_id": [], "sha256": []}
        except (OSError, ValueError, EOFError, zlib.error, zipfile.BadZipFile) as error:
            raise DataError(
                f"{path}, where features are kept, cannot be read ({error}): delete it, and they are "
                "computed anew"
            ) from None

    def _write(self, path, arrays):
        with atomic_write(path) as tmp_path, open(tmp_path, "wb") as file:
            np.savez(file, **arrays)


def _sha256(path):
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read as an image ({error.strerror or error}): give a whole file"
        ) from None

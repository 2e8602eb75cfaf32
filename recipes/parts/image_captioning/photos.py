"""Converts a user's image, in any format, into an upright RGB image."""

import warnings

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from recipe_kit.datasets import DataError

MOST_PIXELS = 200_000_000
DRAFT = 1024  # a JPEG is read at no more than twice this, if its size allows

# The transposition that turns an image upright, by its EXIF orientation.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def open_photo(path):
    """Reads an image.

    Turns the image as its EXIF data say (even if damaged), and converts it from grey, 16 bits, palettes
    and CMYK; lays transparent parts on white; takes the first of several frames. To save memory, reads
    a large JPEG at half, a quarter or an eighth of its size, but no smaller than networks need.

    Args:
        path: The file.

    Returns:
        A `PIL.Image.Image` of mode RGB.

    Raises:
        DataError: if it is missing, no image, damaged, or has more than 200 million pixels, or more
            than there is memory for.
    """
    size = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about large images and damaged EXIF data
            with Image.open(path) as image:
                size = image.size
                if image.width * image.height > MOST_PIXELS:
                    raise _too_large(path, *size)
                image.draft("RGB", (DRAFT, DRAFT))
                image.load()
                return _rgb(_upright(image))
    except Image.DecompressionBombError:
        raise _too_large(path) from None
    except MemoryError:
        raise _too_much_memory(path, size) from None
    except UnidentifiedImageError:
        raise DataError(
            f"{path} is not an image that can be read: expected a JPEG, PNG, BMP, GIF or WebP file"
        ) from None
    except OSError as error:
        if isinstance(error, (FileNotFoundError, IsADirectoryError, PermissionError)):
            reason = error.strerror
        else:
            if "out of memory" in str(error):
                raise _too_much_memory(path, size) from None
            reason = str(error)
        raise DataError(f"{path} cannot be read as an image ({reason}): give a whole file") from None
    except DataError:
        raise
    except Exception as error:  # each format's reader raises its own errors for a damaged file
        reason = str(error) or type(error).__name__
        raise DataError(f"{path} is damaged ({reason}): give a whole image") from None


def square(image, size):
    """Resizes the whole image to a square, uint8 `(size, size, 3)`.

    Squeezes the sides, as `keras.utils.load_img` does with a target size, so that no edge is lost;
    bilinear, over all pixels that a new one covers. A square image of a whole multiple of the size is
    averaged over blocks, so that an enlarged image is restored exactly.
    """
    whole = image.width == image.height and image.width % size == 0
    how = Image.Resampling.BOX if whole else Image.Resampling.BILINEAR
    return np.asarray(image.resize((size, size), how))


def _upright(image):
    """Returns the image turned as its EXIF data say, or unchanged if they cannot be read.

    Does not use `ImageOps.exif_transpose`, which rewrites the EXIF data and fails on damaged ones.
    """
    try:
        turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation))
    except Exception:  # damaged EXIF data may raise anything in Pillow
        turn = None
    return image if turn is None else image.transpose(turn)


def _rgb(image):
    if image.mode.startswith("I;16") or image.mode == "I":
        grey = np.asarray(image, "float64") / 257  # of 65,535
        image = Image.fromarray(grey.clip(0, 255).astype("uint8"))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def _too_large(path, width=None, height=None):
    size = f"{width:,} x {height:,} pixels" if width else "far too many pixels"
    return DataError(
        f"{path} has {size}, and {MOST_PIXELS:,} in all are the most: give a smaller image"
    )


def _too_much_memory(path, size):
    claimed = f"{size[0]:,} x {size[1]:,} pixels, by its header" if size else "by its header"
    return DataError(  # a small file's header may claim any size
        f"{path} needs more memory than there is ({claimed}): it is damaged or too large; give a whole "
        "or a smaller image"
    )

"""Images of every kind, what a network sees in them, and the files that keep it."""

import io
import shutil
import warnings

import keras
import numpy as np
import pytest
from PIL import Image, ImageFile, ImageOps
from PIL import features as pillow

from parts.image_captioning import extraction, features, photos
from recipe_kit.datasets import DataError

SIZE = 32
SMALL = {"backbone": "mobilenetv2", "weights": "none", "size": SIZE, "batch_size": 2}


def quiet(line):
    pass


def coloured(path, mode="RGB", size=(40, 30), color=(200, 30, 30), **how):
    image = Image.new("RGB", size, color)
    (image.quantize(4) if mode == "P" else image.convert(mode)).save(path, **how)
    return path


# Images


@pytest.mark.parametrize("mode", ["RGB", "CMYK", "P", "RGBA"])
def test_any_kind_of_colour_becomes_red_green_and_blue(mode, tmp_path):
    path = coloured(tmp_path / ("x.jpg" if mode == "CMYK" else "x.png"), mode)
    image = photos.open_photo(path)
    assert image.mode == "RGB" and image.size == (40, 30)
    np.testing.assert_allclose(np.asarray(image)[10, 10], (200, 30, 30), atol=6)


def test_grey_is_grey_in_8_and_in_16_bits(tmp_path):
    Image.new("L", (9, 9), 128).save(tmp_path / "8.png")
    Image.fromarray(np.full((9, 9), 128 * 257, "uint16")).save(tmp_path / "16.png")
    for name in ("8.png", "16.png"):
        assert np.asarray(photos.open_photo(tmp_path / name))[4, 4].tolist() == [128] * 3


def test_what_can_be_seen_through_is_laid_on_white(tmp_path):
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    assert np.asarray(photos.open_photo(tmp_path / "clear.png")).min() == 255


def test_a_turned_photo_is_upright(tmp_path):
    image = Image.new("RGB", (30, 20), "white")
    image.paste("black", (0, 0, 30, 5))  # a bar at the top, as it was stored
    exif = Image.Exif()
    exif[0x0112] = 6  # stored a quarter turn to the left of upright
    image.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    upright = np.asarray(photos.open_photo(tmp_path / "turned.jpg"))
    assert upright.shape == (30, 20, 3)
    assert upright[:, -2].mean() < 60 < 200 < upright[:, 2].mean()  # the bar is at the right


def photo_with(exif, path):
    """An image 30 wide and 20 high with a bar at the top, and these EXIF data, whatever they are."""
    image = Image.new("RGB", (30, 20), "white")
    image.paste("black", (0, 0, 30, 5))
    image.save(path, exif=bytes(exif), quality=95)
    return path


@pytest.fixture(scope="module")
def exif():
    """EXIF data of a photo that is stored a quarter turn to the left of upright."""
    data = Image.Exif()
    data[0x010F], data[0x0110], data[0x0112], data[0x011A] = "Maker", "Model", 6, 72.0
    data.get_ifd(0x8769)[0x9003] = "2020:01:01 00:00:00"
    data.get_ifd(0x8825)[2] = (1.0, 2.0, 3.0)
    return data.tobytes()


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_photo_with_damaged_exif_data_is_turned_where_they_tell_how(exif, tmp_path):
    """Of one damaged byte that is not of the orientation; Pillow's own function stumbles at some."""
    told = exif.index(b"\x01\x12\x00\x03")  # the entry of the orientation, 12 bytes
    stumbled = set()
    for at in [n for n in range(17, 120) if not told <= n < told + 12]:
        damaged = bytearray(exif)
        damaged[at] = 1
        path = photo_with(damaged, tmp_path / "x.jpg")
        with Image.open(path) as image:
            if image.getexif().get(0x0112) != 6:  # this byte says where the others are
                continue
            try:
                ImageOps.exif_transpose(image)
            except Exception as error:
                stumbled.add(type(error).__name__)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert photos.open_photo(path).size == (20, 30)
    assert {"TypeError", "error"} <= stumbled


@pytest.mark.parametrize("data", [b"", b"Exif\0\0", b"Exif\0\0MM\0*", b"Exif\0\0no EXIF data at all"])
def test_a_photo_whose_exif_data_are_none_is_taken_as_it_is(data, tmp_path):
    assert photos.open_photo(photo_with(data, tmp_path / "x.jpg")).size == (30, 20)


def test_of_several_frames_the_first_is_taken(tmp_path):
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    assert np.asarray(photos.open_photo(tmp_path / "x.gif"))[0, 0].tolist() == [255, 0, 0]


@pytest.mark.slow
def test_the_smallest_and_a_large_picture_are_taken(tmp_path, recwarn):
    assert photos.square(photos.open_photo(coloured(tmp_path / "1.png", size=(1, 1))), 8).shape == (
        8,
        8,
        3,
    )
    large = coloured(tmp_path / "large.jpg", size=(10_000, 10_000))
    image = photos.open_photo(large)
    assert max(image.size) < 2500  # read at a part of its size
    np.testing.assert_allclose(photos.square(image, 8)[4, 4], (200, 30, 30), atol=6)
    assert not recwarn.list


def test_the_whole_picture_is_squeezed_into_the_square():
    image = Image.new("RGB", (40, 10), "red")
    image.paste("blue", (20, 0, 40, 10))
    squeezed = photos.square(image, 8)
    assert squeezed.shape == (8, 8, 3) and squeezed.dtype == np.uint8
    assert squeezed[4, 0].tolist() == [255, 0, 0] and squeezed[4, 7].tolist() == [0, 0, 255]


def broken(folder):
    folder.mkdir(exist_ok=True)
    (folder / "text.jpg").write_text("no image at all")
    (folder / "empty.png").write_bytes(b"")
    (folder / "folder.png").mkdir()
    data = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(data, "PNG")
    (folder / "cut.png").write_bytes(data.getvalue()[:900])
    Image.effect_noise((64, 64), 50).save(folder / "cut.jpg")
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:700])
    return folder


@pytest.mark.parametrize(
    "name", ["text.jpg", "empty.png", "folder.png", "cut.png", "cut.jpg", "no-such.jpg"]
)
def test_what_is_no_picture_is_one_line_with_its_name(name, tmp_path):
    with pytest.raises(DataError) as error:
        photos.open_photo(broken(tmp_path / "bad") / name)
    assert name in str(error.value) and "\n" not in str(error.value)


def test_too_many_pixels_are_refused_before_they_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(photos, "MOST_PIXELS", 99)
    with pytest.raises(DataError, match="10 x 10"):
        photos.open_photo(coloured(tmp_path / "x.png", size=(10, 10)))


@pytest.mark.parametrize("error", [MemoryError(), OSError("out of memory when reading image file")])
def test_a_picture_that_memory_does_not_hold_is_one_line_with_the_size_it_claims(
    error, tmp_path, monkeypatch
):
    path = coloured(tmp_path / "x.png", size=(12, 10))

    def load(image):
        raise error

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    with pytest.raises(DataError, match=r"x\.png needs more memory .* \(12 x 10 pixels, by its header"):
        photos.open_photo(path)


@pytest.mark.skipif(not pillow.check("jpg_2000"), reason="this Pillow reads no JPEG 2000")
def test_a_jpeg_2000_that_claims_a_huge_size_is_one_line(tmp_path):
    path = coloured(tmp_path / "x.jp2", size=(16, 16))
    data = bytearray(path.read_bytes())
    for at in (data.index(b"ihdr") + 4, data.index(b"\xff\x51") + 6):
        data[at : at + 8] = (100_000).to_bytes(4) * 2
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"x\.jp2 has far too many pixels"):
        photos.open_photo(path)


# Files of features


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


NAMES = np.array(["a.jpg", "b.jpg", "c.png"])


def test_pooled_vectors_and_a_scaled_grid_are_read_and_merged_by_name(tmp_path):
    pooled = save(tmp_path / "p.npz", image_id=NAMES, features=np.arange(6.0).reshape(3, 2))
    grid = np.arange(12, dtype="int8").reshape(3, 2, 2)
    scale = np.array([0.5, 2], "float32")
    grids = save(tmp_path / "g.npz", image_id=NAMES[::-1], grid=grid, scale=scale)
    merged = features.merge([features.read(pooled), features.read(grids)])
    values = merged.values(merged.rows(["b.jpg", "a"]))
    assert values["pooled"].tolist() == [[2, 3], [0, 1]]
    np.testing.assert_array_equal(values["grid"], grid[[1, 2]] * scale)
    assert values["grid"].dtype == np.float32
    assert "p.npz" in merged.info["source"] and "g.npz" in merged.info["source"]


def test_pictures_that_a_file_does_not_have_are_named(tmp_path):
    held = features.read(save(tmp_path / "p.npz", image_id=NAMES, features=np.ones((3, 2))))
    with pytest.raises(DataError, match=r"p\.npz.*z1, z2, z3 and 1 more"):
        held.rows(["a.jpg", "z1", "z2", "z3", "z4"])


def test_a_picture_is_found_in_however_a_file_system_writes_its_name(tmp_path):
    for names in (["cafe\u0301.jpg", "b.jpg"], np.array(["café".encode(), b"b"])):
        path = save(tmp_path / "p.npz", image_id=names, features=np.array([[1.0], [2.0]]))
        held = features.read(path)
        assert held.rows(["b.jpg", "caf\u00e9.jpg", "cafe\u0301.jpg"]).tolist() == [1, 0, 0]


def test_a_name_that_may_be_several_pictures_is_refused(tmp_path):
    names = np.array(["x/1.jpg", "y/1.jpg", "2.jpg"])
    held = features.read(save(tmp_path / "p.npz", image_id=names, features=np.ones((3, 2))))
    assert held.rows(["y/1.jpg", "2.png"]).tolist() == [1, 2]
    with pytest.raises(DataError, match=r"several images that 1\.jpg may be \(x/1\.jpg, y/1\.jpg\)"):
        held.rows(["1.jpg"])


def test_two_files_of_one_kind_and_files_of_other_pictures_are_refused(tmp_path):
    one = features.read(save(tmp_path / "1.npz", image_id=NAMES, features=np.ones((3, 2))))
    two = features.read(save(tmp_path / "2.npz", image_id=NAMES, features=np.ones((3, 2))))
    with pytest.raises(DataError, match="both have features"):
        features.merge([one, two])
    other = features.read(save(tmp_path / "3.npz", image_id=["x"], grid=np.ones((1, 2, 2))))
    with pytest.raises(DataError, match="no image in common"):
        features.merge([one, other])


@pytest.mark.parametrize(
    ("arrays", "word"),
    [
        ({"features": np.ones((3, 2))}, "image_id"),
        ({"image_id": NAMES, "grid": np.ones((3, 2, 2)), "scale": np.array([1, np.nan])}, "scale"),
        ({"image_id": NAMES}, "image_id"),
        ({"image_id": NAMES, "features": np.ones((2, 2))}, "3 images"),
        ({"image_id": NAMES, "features": np.ones((3, 2, 2))}, "shape"),
        ({"image_id": NAMES, "grid": np.ones((3, 2))}, "shape"),
        ({"image_id": NAMES, "features": np.full((3, 2), np.nan)}, "finite"),
        ({"image_id": np.array(["a", "a", "b"]), "features": np.ones((3, 2))}, "twice"),
        ({"image_id": np.arange(3), "features": np.ones((3, 2))}, "image_id"),
        ({"image_id": NAMES, "grid": np.ones((3, 2, 2)), "scale": np.ones(3)}, "scale"),
        ({"image_id": NAMES.astype(object), "features": np.ones((3, 2))}, "pickle"),
    ],
)
def test_a_file_of_another_form_is_refused_in_one_line(arrays, word, tmp_path):
    with pytest.raises(DataError, match=word) as error:
        features.read(save(tmp_path / "bad.npz", **arrays))
    assert "bad.npz" in str(error.value) and "\n" not in str(error.value)


def test_a_missing_or_broken_file_is_refused_in_one_line(tmp_path):
    (tmp_path / "text.npz").write_text("no archive")
    whole = save(tmp_path / "whole.npz", image_id=NAMES, features=np.ones((3, 2)))
    (tmp_path / "cut.npz").write_bytes(whole.read_bytes()[:200])
    np.save(tmp_path / "plain.npy", np.ones(3))
    for name in ("text.npz", "cut.npz", "no-such.npz", "plain.npy"):
        with pytest.raises(DataError, match=name) as error:
            features.read(tmp_path / name)
        assert "\n" not in str(error.value)


# Computing


@pytest.fixture(scope="module")
def network():
    """One small network for all tests of this file, as `keras.applications` would give it."""
    keras.utils.set_random_seed(0)
    return keras.applications.MobileNetV2(
        include_top=False, weights=None, input_shape=(SIZE, SIZE, 3), alpha=0.35
    )


@pytest.fixture
def seen(network, monkeypatch):
    """Lets `extract` use that network, and counts the images that go through it."""
    counted = []

    class Counting:
        def predict_on_batch(self, batch):
            counted.append(len(batch))
            return network.predict_on_batch(batch)

    known = {"mobilenetv2": (lambda **_: Counting(), keras.applications.mobilenet_v2)}
    monkeypatch.setattr(extraction, "backbones", lambda: known)
    return counted


@pytest.fixture
def five(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for n in range(5):
        Image.fromarray(rng.integers(0, 256, (40, 50, 3)).astype("uint8")).save(folder / f"{n}.png")
    return {f"{n}.png": folder / f"{n}.png" for n in range(5)}


@pytest.mark.slow
def test_features_are_the_networks_without_its_last_layers(five, tmp_path, seen, network):
    found = extraction.extract(five, folder=tmp_path / "kept", show=quiet, **SMALL)
    batch = np.stack([photos.square(photos.open_photo(path), SIZE) for path in five.values()])
    grid = network.predict(batch.astype("float32") / 127.5 - 1, verbose=0).reshape(5, 1, -1)
    np.testing.assert_allclose(found.grid, grid, atol=2e-3)
    np.testing.assert_allclose(found.pooled, grid.mean(1), atol=2e-3)
    assert found.names == tuple(five)


def test_what_is_kept_is_not_computed_again_and_what_is_new_or_replaced_is(five, tmp_path, seen):
    kept = tmp_path / "kept"
    first = extraction.extract(five, folder=kept, show=quiet, **SMALL)
    assert sum(seen) == 5
    again = extraction.extract(five, folder=kept, show=quiet, **SMALL)
    assert sum(seen) == 5
    np.testing.assert_array_equal(first.pooled, again.pooled)
    assert first.info == again.info

    shutil.copy(five["0.png"], five["3.png"])
    more = {**five, "5.png": five["1.png"]}
    found = extraction.extract(more, folder=kept, show=quiet, **SMALL)
    assert sum(seen) == 7
    np.testing.assert_array_equal(found.pooled[3], found.pooled[0])
    assert [path.name for path in kept.iterdir()] == ["features-mobilenetv2-none-32-pooled+grid.npz"]


def test_an_interrupted_extraction_goes_on_where_it_was(five, tmp_path, seen, monkeypatch):
    monkeypatch.setattr(extraction, "SHARD", 2)
    read, count = photos.open_photo, []

    def interrupted(path):
        count.append(path)
        if len(count) > 4:
            raise KeyboardInterrupt
        return read(path)

    with monkeypatch.context() as patch:
        patch.setattr(photos, "open_photo", interrupted)
        with pytest.raises(KeyboardInterrupt):
            extraction.extract(five, folder=tmp_path / "kept", show=quiet, **SMALL)
    assert sum(seen) == 4
    found = extraction.extract(five, folder=tmp_path / "kept", show=quiet, **SMALL)
    assert sum(seen) == 5
    whole = extraction.extract(five, folder=tmp_path / "other", show=quiet, **SMALL)
    np.testing.assert_allclose(found.pooled, whole.pooled, atol=1e-3)


def test_two_runs_at_once_keep_what_each_of_them_computed(five, tmp_path, seen):
    kept, names = tmp_path / "kept", list(five)
    kept.mkdir()
    one, other = (extraction._Store(kept, "x", ("pooled",)) for _ in range(2))
    hashes = {name: name for name in names}
    one.add(names[:2], hashes, {"pooled": np.full((2, 3), 1, "float16")})
    other.add(names[2:4], hashes, {"pooled": np.full((2, 3), 2, "float16")})
    one.close()
    other.add(names[4:], hashes, {"pooled": np.full((1, 3), 3, "float16")})
    other.close()
    assert [path.name for path in kept.iterdir()] == ["features-x.npz"]
    held = extraction._Store(kept, "x", ("pooled",)).features(names, ("pooled",), "x")
    assert held.pooled[:, 0].tolist() == [1, 1, 2, 2, 3]


def test_a_kept_file_that_lacks_something_is_one_line(five, tmp_path, seen):
    kept = tmp_path / "kept"
    extraction.extract(five, folder=kept, show=quiet, **SMALL)
    (path,) = kept.iterdir()
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files if name != "sha256"}
    np.savez(path, **arrays)
    with pytest.raises(DataError, match=r"has no sha256.*delete it"):
        extraction.extract(five, folder=kept, show=quiet, **SMALL)


def test_features_that_float16_cannot_hold_are_refused():
    assert extraction._halved(np.array([[6e4]]), "x").dtype == np.float16
    for value in (7e4, np.inf, np.nan):
        with pytest.raises(DataError, match=r"--backbone x gives features of up to"):
            extraction._halved(np.array([[1.0, value]]), "x")


def test_a_picture_enlarged_by_whole_pixels_is_read_back_as_it_was():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype("uint8")
    enlarged = Image.fromarray(pixels).resize((48, 48), Image.Resampling.NEAREST)
    np.testing.assert_array_equal(photos.square(enlarged, 8), pixels)


def test_a_broken_picture_is_named_and_the_others_are_kept(five, tmp_path, seen, monkeypatch):
    monkeypatch.setattr(extraction, "SHARD", 2)
    five["4.png"].write_text("no image")
    with pytest.raises(DataError, match=r"4\.png"):
        extraction.extract(five, folder=tmp_path / "kept", show=quiet, **SMALL)
    four = {name: path for name, path in five.items() if name != "4.png"}
    extraction.extract(four, folder=tmp_path / "kept", show=quiet, **SMALL)
    assert sum(seen) == 4


def test_broken_pictures_are_left_out_and_named_where_the_caller_takes_them(five, tmp_path, seen):
    whole = extraction.extract(five, folder=tmp_path / "whole", show=quiet, **SMALL)
    five["1.png"].write_bytes(five["1.png"].read_bytes()[:900])
    five["3.png"].unlink()
    unreadable, kept = {}, tmp_path / "kept"
    found = extraction.extract(five, folder=kept, show=quiet, unreadable=unreadable, **SMALL)
    assert found.names == ("0.png", "2.png", "4.png")
    assert sorted(unreadable) == ["1.png", "3.png"]
    assert all(str(five[name]) in why for name, why in unreadable.items())
    np.testing.assert_allclose(found.pooled, whole.pooled[[0, 2, 4]], atol=1e-3)
    count = sum(seen)
    again = extraction.extract(five, folder=kept, show=quiet, unreadable={}, **SMALL)
    assert again.info == found.info and sum(seen) == count


def test_pictures_none_of_which_can_be_read_are_one_line(five, tmp_path, seen):
    for path in five.values():
        path.write_text("no image")
    with pytest.raises(DataError, match=r"none of 5 images can be read: .*0\.png"):
        extraction.extract(five, folder=tmp_path / "kept", show=quiet, unreadable={}, **SMALL)
    assert not seen


def test_every_network_of_keras_is_known_by_its_name():
    known = extraction.backbones()
    assert {"mobilenetv2", "inceptionv3", "vgg16", "resnet50", "efficientnetb0", "xception"} <= set(
        known
    )
    assert set(extraction.SIZES) <= set(known)
    networks = {
        n.lower() for n, v in vars(keras.applications).items() if n[0].isupper() and callable(v)
    }
    assert networks == set(known)
    make, module = known["vgg16"]
    assert make is keras.applications.VGG16 and module is keras.applications.vgg16


def test_an_unknown_network_and_weights_that_cannot_be_had_are_one_line(five, tmp_path, monkeypatch):
    kept = tmp_path / "kept"
    with pytest.raises(DataError, match="AlexNet"):
        extraction.extract(five, "AlexNet", kept, show=quiet)
    with pytest.raises(DataError, match="no-such-file"):
        extraction.extract(five, "VGG16", kept, weights="no-such-file.h5", show=quiet)

    def offline(**_):
        raise Exception("URL fetch failure on https://example.invalid/weights.h5: None -- no network")

    monkeypatch.setattr(extraction, "backbones", lambda: {"vgg16": (offline, keras.applications.vgg16)})
    with pytest.raises(DataError, match="URL fetch failure") as error:
        extraction.extract(five, "VGG16", kept, show=quiet)
    assert "--features" in str(error.value) and "--data shapes" in str(error.value)
    assert "\n" not in str(error.value)
    assert not kept.exists() or not list(kept.iterdir())

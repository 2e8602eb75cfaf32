"""Captioned images: Flickr8k, and the user's own folders of images and captions."""

import gzip
import hashlib
import json
import os
import unicodedata
from itertools import chain
from pathlib import Path

import pytest

from recipe_kit.datasets import CaptionedImages, DataError, _flickr8k, cut_caption, load_captions

REAL_DATA = os.environ.get("RNN_KIT_DATA") and Path(os.environ["RNN_KIT_DATA"]).resolve()
SPLIT = {"train.txt": "a.jpg\nb.jpg\n", "validation.txt": "c.jpg\n", "test.txt": "d.jpg\n"}
PICTURES = ("a.jpg", "b.jpg", "c.jpg", "d.jpg")
CSV = "image,caption\na.jpg,A dog.\nb.jpg,A cat.\na.jpg,One dog.\nc.jpg,A cow.\nd.jpg,A pig.\n"


def folder(root, files, images=PICTURES):
    """Writes texts by their names, and empty files for images; returns the folder."""
    for name, content in {**dict.fromkeys(images, b""), **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def tokens(names, each=1):
    return "".join(f"{name}#{n}\tCaption {n} .\n" for name in names for n in range(each))


def error_line(source, **kwargs):
    with pytest.raises(DataError) as caught:
        load_captions(source, **kwargs)
    message = str(caught.value)
    assert "\n" not in message
    return message


def names(loaded):
    return [part.names for part in loaded[:3]]


# Captions and their words


@pytest.mark.parametrize(
    "text, words",
    [
        ("A dog, wet .", ["a", "dog", "wet"]),
        ('"Two" dogs\' 2 bones', ["two", "dogs'", "2", "bones"]),
        ("T-shirt; it's", ["t", "shirt", "it's"]),
        (" . ", []),
        ("Zwei Mädchen, d’accord", ["zwei", "mädchen", "d'accord"]),
        ("Девочка и собака.", ["девочка", "и", "собака"]),
        ("一只狗。", ["一", "只", "狗"]),
    ],
)
def test_words_are_runs_of_letters_digits_and_apostrophes(text, words):
    assert cut_caption(text) == words


def test_images_can_be_taken_and_cut_into_words():
    part = CaptionedImages(["a", "b", "c"], [["A dog."], ["B", "C d"], ["E"]], [None, Path("b"), None])
    taken = part.take([2, 1])
    assert (taken.names, taken.captions) == (["c", "b"], [["E"], ["B", "C d"]])
    assert taken.paths == [None, Path("b")]
    assert len(taken) == 2
    assert taken.words() == [[["e"]], [["b"], ["c", "d"]]]


# Caption files


ROWS = [line.split(",") for line in CSV.splitlines()[1:]]  # images' names and captions
BY_NAME = {"a.jpg": ["A dog.", "One dog."], "b.jpg": ["A cat."], "c.jpg": "A cow.", "d.jpg": "A pig."}
TOKEN = "a.jpg#0\tA dog.\na.jpg#1\tOne dog.\nb.jpg#0\tA cat.\nc.jpg#0\tA cow.\nd.jpg#0\tA pig.\n"
FLICKR30K = (
    "image_name| comment_number| comment\na.jpg| 0| A dog.\na.jpg| 1   One dog.\n"
    "b.jpg| 0| A cat.\nc.jpg| 0| A cow.\nd.jpg| 0| A pig.\n"
)
COCO = {
    "info": {"year": 2017},
    "images": [{"id": n, "file_name": name} for n, name in enumerate(PICTURES)],
    "annotations": [
        {"id": n, "image_id": PICTURES.index(name), "caption": text}
        for n, (name, text) in enumerate(ROWS)
    ],
}


def karpathy(**parts):
    """Karpathy's file of these images, each with its part."""
    texts = {name: [caption for of, caption in ROWS if of == name] for name in PICTURES}
    images = [
        {
            "filepath": "val2014",
            "filename": f"{name}.jpg",
            "split": part,
            "sentences": [{"raw": text, "tokens": ["x"]} for text in texts[f"{name}.jpg"]],
        }
        for name, part in parts.items()
    ]
    return json.dumps({"images": images, "dataset": "coco"})


@pytest.mark.parametrize(
    "name, text",
    [
        ("captions.csv", CSV),
        ("captions.txt", CSV),
        ("captions.csv", CSV.replace(",", ";")),
        ("Captions.TSV", CSV.replace(",", "\t")),
        ("captions.csv", "\ufeff" + CSV.replace("\n", "\r\n")),
        ("captions.csv", CSV.encode("utf-16")),
        ("captions.csv.gz", gzip.compress(CSV.encode(), mtime=0)),
        ("captions.csv", CSV.replace("\n", ",x\n")),
        ("captions.csv", CSV + ",\n"),
        ("captions.txt", CSV.replace(",", "\t")),
        ("my.token.txt", TOKEN.replace("a.jpg#1\tOne dog.", "\na.jpg#1\t One dog. ")),
        ("captions.txt", TOKEN),
        ("results_20130124.token", TOKEN),
        ("results.csv", FLICKR30K),
        ("captions.txt", FLICKR30K.replace("   One", "| One").replace("| ", ",")),
        ("flickr30k.csv", FLICKR30K.replace("   One", "| One").replace("| ", ",")),
        ("metadata.csv", CSV.replace("image,caption", "file_name,text")),
        ("metadata.jsonl", "".join(json.dumps({"file_name": n, "text": c}) + "\n" for n, c in ROWS)),
        ("captions.json", json.dumps([{"image": n, "caption": c} for n, c in BY_NAME.items()])),
        ("captions.json", json.dumps(BY_NAME)),
        ("captions.csv", "filename,raw\n" + "".join(f'{n},"{c}"\n' for n, c in BY_NAME.items())),
        ("captions_train2017.json", json.dumps(COCO)),
        ("dataset_flickr8k.json", karpathy(a="test", b="test", c="test", d="test")),
        ("text/Flickr8k.token.txt", TOKEN),
    ],
)
def test_each_form_of_caption_file_gives_the_same_images(tmp_path, name, text):
    inner = Path(name).parent  # where the parts' files are, too
    loaded = load_captions(folder(tmp_path, {name: text, **{inner / n: t for n, t in SPLIT.items()}}))
    its = [[name.removeprefix("val2014/") for name in part] for part in names(loaded)]
    assert its == [["a.jpg", "b.jpg"], ["c.jpg"], ["d.jpg"]]
    assert loaded.train.captions == [["A dog.", "One dog."], ["A cat."]]
    assert loaded.test.paths == [tmp_path / "d.jpg"]
    assert loaded.info["captions"] == 5


def test_a_text_beside_each_picture_has_a_caption_a_line(tmp_path):
    files = {"a.txt": "A dog.\n\n One dog.\n", "b.txt": "A cat.", "c.caption": "A cow.", "e.txt": "no"}
    loaded = load_captions(
        folder(tmp_path, {**files, "more/d.txt": "\n"}, [*PICTURES[:3], "more/d.jpg"])
    )
    its = dict(zip(chain(*names(loaded)), chain(*(part.captions for part in loaded[:3])), strict=True))
    assert its == {"a.jpg": ["A dog.", "One dog."], "b.jpg": ["A cat."], "c.jpg": ["A cow."]}
    assert loaded.notes[0] == "1 caption without a word is left out"


def test_a_quote_that_begins_a_caption_swallows_no_line(tmp_path):
    for name, delimiter in (("captions.tsv", "\t"), ("captions.txt", "\t"), ("captions.csv", ";")):
        text = CSV.replace("A dog.", '"Beware" says a sign').replace("A cow.", '"A cow')
        loaded = load_captions(folder(tmp_path, {**SPLIT, name: text.replace(",", delimiter)}))
        assert loaded.train.captions[0] == ['"Beware" says a sign', "One dog."]
        assert loaded.validation.captions == [['"A cow']]
        assert loaded.info["captions"] == 5
        (tmp_path / name).unlink()


def test_commas_of_the_last_column_need_no_quotes(tmp_path):
    text = CSV.replace("A dog.", "A dog, wet, runs.")
    loaded = load_captions(folder(tmp_path, {**SPLIT, "captions.csv": text}))
    assert loaded.train.captions[0] == ["A dog, wet, runs.", "One dog."]


def test_captions_of_another_encoding_are_read_where_it_is_named(tmp_path):
    files = {
        **SPLIT,
        "train.txt": "\xe9.jpg\nb.jpg\n",
        "captions.csv": CSV.replace("a.jpg", "\xe9.jpg"),
    }
    files = {name: text.replace("dog", "M\xe4dchen").encode("cp1252") for name, text in files.items()}
    folder(tmp_path, files, ["\xe9.jpg", *PICTURES[1:]])
    assert "encoding=" in error_line(tmp_path)
    loaded = load_captions(tmp_path, encoding="cp1252")
    assert loaded.train.captions[0] == ["A M\xe4dchen.", "One M\xe4dchen."]
    assert loaded.train.paths[0] == tmp_path / "\xe9.jpg"


def test_a_list_in_brackets_is_several_captions_and_other_brackets_are_text(tmp_path):
    rows = ["['A dog', \"It's\"]", '["One"]', "[1, 2]", "[sic] a dog"]
    rows = [{"image": name, "caption": row} for name, row in zip(PICTURES, rows, strict=True)]
    loaded = load_captions(folder(tmp_path, {**SPLIT, "captions.json": json.dumps(rows)}))
    assert loaded.train.captions == [["A dog", "It's"], ["One"]]
    assert (loaded.validation.captions, loaded.test.captions) == ([["[1, 2]"]], [["[sic] a dog"]])


def test_quotes_commas_and_line_breaks_of_a_table_are_kept(tmp_path):
    text = CSV.replace("A dog.", '"A dog, ""wet"",\nruns ."').replace("A cat.", ' A "cat" ')
    loaded = load_captions(folder(tmp_path, {**SPLIT, "captions.csv": text}))
    assert loaded.train.captions[0][0] == 'A dog, "wet",\nruns .'
    assert loaded.train.captions[1] == ['A "cat"']


def test_stray_quotes_of_a_token_file_are_text(tmp_path):
    text = tokens(PICTURES).replace("a.jpg#0\tCaption 0 .", "a.jpg#0\t \"A dog , 's bone")
    loaded = load_captions(folder(tmp_path, {**SPLIT, "f.token.txt": text}))
    assert loaded.train.captions[0] == ["\"A dog , 's bone"]


def test_an_image_called_with_another_normal_form_is_found(tmp_path):
    long, short = unicodedata.normalize("NFD", "é.jpg"), unicodedata.normalize("NFC", "é.jpg")
    text = CSV.replace("a.jpg", long).replace("A dog.", unicodedata.normalize("NFD", "Café"))
    split = {**SPLIT, "train.txt": f"{short}\nb.jpg"}
    loaded = load_captions(folder(tmp_path, {**split, "captions.csv": text}, (long, *PICTURES[1:])))
    assert loaded.train.names[0] == short
    assert loaded.train.captions[0][0] == unicodedata.normalize("NFC", "Café")
    assert loaded.train.paths[0].exists()


@pytest.mark.parametrize(
    "name, text, line, words",
    [
        ("f.token.txt", "a.jpg#0\tA dog.\na.jpg#1 A dog.\n", 2, "no tab"),
        ("f.token.txt", "\na.jpg\tA dog.\n", 2, "no name, # and number"),
        ("f.token.txt", "a.jpg#x\tA dog.\n", 1, "no name, # and number"),
        ("f.token.txt", "#0\tA dog.\n", 1, "no name, # and number"),
        ("captions.csv", "caption,image\nA dog, wet,a.jpg\n", 2, "expected 2 fields"),
        ("captions.csv", 'image,caption\na.jpg,"A\ndog"\nb.jpg\n', 4, "expected 2 fields"),
        ("captions.csv", 'caption,image\n"A" dog, wet,a.jpg\n', 2, "quoting is broken"),
        ("captions.csv", "image,caption\n,A dog\n", 2, "an image's name"),
        ("captions.csv", 'image,caption\na.jpg,"A\nb.jpg,B, C\nc.jpg,D"\n', 2, "joins this row and"),
        ("captions.csv", "a.jpg,A dog.\n", 1, "add the header image,caption"),
        ("captions.txt", "image,label\na.jpg,A dog.\n", 1, "'image', 'label'"),
        ("captions.csv", "image,caption,Caption\na.jpg,A,B\n", 1, "one 'caption'"),
        ("captions.tsv", "image,caption\na.jpg,A dog.\n", 1, "add the header"),
        ("captions.csv", b"image,caption\na.jpg,\xff\n", 2, "not UTF-8"),
    ],
)
def test_a_bad_line_is_named_with_its_file_and_number(tmp_path, name, text, line, words):
    message = error_line(folder(tmp_path, {name: text}))
    assert str(tmp_path / name) in message
    assert f"line {line}" in message
    assert words in message


@pytest.mark.parametrize(
    "content, words",
    [
        ('{"images": [{"filename": "a.jpg"}]}', "no 'sentences'"),
        (
            '{"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [{"image_id": 1}]}',
            "no 'caption'",
        ),
        ('{"a.jpg": 3}', "not of a known form"),
        ('{"a.jpg": ["A dog",', "line 1 is not JSON"),
    ],
)
def test_json_of_another_form_is_refused_with_the_forms_that_are_read(tmp_path, content, words):
    assert words in error_line(folder(tmp_path, {"captions.json": content}))


def test_captions_of_images_that_cocos_file_does_not_name_are_counted(tmp_path):
    more = [*COCO["annotations"], {"image_id": 99, "caption": "Nothing."}]
    text = json.dumps({**COCO, "annotations": more})
    loaded = load_captions(folder(tmp_path, {**SPLIT, "captions_val2017.json": text}))
    assert "1 caption of images that captions_val2017.json does not name left out" in loaded.notes


@pytest.mark.parametrize("name, text", [("f.token.txt", "\n"), ("captions.csv", "image,caption\n")])
def test_a_file_without_a_caption_is_refused(tmp_path, name, text):
    assert "holds no caption" in error_line(folder(tmp_path, {name: text}))


# Finding files


def test_a_caption_file_is_read_beside_its_images_and_split(tmp_path):
    folder(tmp_path, {**SPLIT, "captions.csv": CSV, "mine.csv": CSV.replace("A pig", "A hog")})
    loaded = load_captions(tmp_path / "mine.csv")
    assert loaded.test.captions == [["A hog."]]
    assert loaded.test.paths == [tmp_path / "d.jpg"]
    assert load_captions(str(tmp_path / "mine.csv")).info["sha256"] == loaded.info["sha256"]


def test_of_several_folders_the_one_with_most_of_the_images_is_taken(tmp_path):
    images = [f"Images/{name}" for name in PICTURES] + ["plot.png", "a.jpg", "small/a.jpg"]
    loaded = load_captions(folder(tmp_path, {**SPLIT, "captions.csv": CSV}, images))
    assert loaded.train.paths == [tmp_path / "Images" / "a.jpg", tmp_path / "Images" / "b.jpg"]


def test_suffixes_of_pictures_are_known_in_upper_and_lower_case(tmp_path):
    images = ["1.JPG", "2.jpeg", "3.png", "4.Bmp", "5.gif", "6.webp"]
    text = tokens([*images, "7.jpg.1", "8.txt"])
    loaded = load_captions(folder(tmp_path, {"f.token.txt": text, "7.jpg.1": "", "8.txt": ""}, images))
    assert sorted(chain(*names(loaded))) == images
    assert (
        "2 captions of 2 images without an image file are left out: '7.jpg.1', '8.txt'" in loaded.notes
    )


def test_the_file_that_is_called_captions_goes_before_other_tables(tmp_path):
    files = {**SPLIT, "captions.csv": CSV, "results.csv": "epoch,loss\n1,2\n", "metadata.csv": "a,b\n"}
    assert len(load_captions(folder(tmp_path, files)).train) == 2


def test_cocos_images_are_found_beside_the_folder_of_annotations(tmp_path):
    images = [f"train2017/{name}" for name in PICTURES]
    folder(tmp_path, {"annotations/captions_train2017.json": json.dumps(COCO)}, images)
    for path in (tmp_path, tmp_path / "annotations/captions_train2017.json"):
        loaded = load_captions(path)
        found = [path for part in loaded[:3] for path in part.paths]
        assert sorted(found) == [tmp_path / "train2017" / name for name in PICTURES]


@pytest.mark.parametrize(
    "written",
    [
        ("Images/a.jpg", "Images/b.jpg", "Images/c.jpg", "Images/d.jpg"),
        ("./Images/a.jpg", "Images//b.jpg", " Images/c.jpg ", "Images/d.jpg"),
        (r"Images\a.jpg", r"Images\b.jpg", r".\Images\c.jpg", r"Images\d.jpg"),
        ("/mnt/x/a.jpg", "https://example.org/b.jpg", r"C:\x\c.jpg", "y/d.jpg"),
        ("a", "b", "c", "Images/d"),
        ("a.JPG", "B.jpg", "c.jpeg", "d.PNG"),
    ],
)
def test_a_name_means_the_one_picture_that_it_can_mean(tmp_path, written):
    images = ["Images/a.jpg", "Images/b.jpg", "Images/c.jpg", "Images/d.JPG", "Images/e.jpg"]
    rows = [f"{name},A caption." for name in written]
    split = dict(zip(SPLIT, ("a\nb.jpg", r"Images\c.jpg", "D.jpg"), strict=True))
    files = {**split, "captions.csv": "\n".join(["image,caption", *rows])}
    loaded = load_captions(folder(tmp_path, files, images))
    assert [path for part in loaded[:3] for path in part.paths] == [tmp_path / p for p in images[:4]]
    features = load_captions(tmp_path, image_names=["a.jpg", "b.jpg", "c.jpg", "d.png", "e.jpg"])
    assert names(features) == [["a.jpg", "b.jpg"], ["c.jpg"], ["d.png"]]


def test_pictures_of_one_name_in_two_folders_are_told_apart_by_the_folders(tmp_path):
    images = ["data/x/1.jpg", "data/y/1.jpg", "x/2.jpg", "y/3.jpg"]
    text = "image,caption\nx/1.jpg,One.\ny/1.jpg,Two.\nx/2.jpg,Three.\ny/2.jpg,Four.\nz/3.jpg,Five.\n"
    loaded = load_captions(
        folder(tmp_path, {"captions.csv": text}, images[:2]),
        image_names=["1.jpg"] * 0 + ["x/1.jpg", "y/1.jpg", "3.jpg"],
    )
    assert sorted(chain(*names(loaded))) == ["3.jpg", "x/1.jpg", "y/1.jpg"]
    folder(tmp_path / "data", {"captions.csv": text}, images[2:])
    loaded = load_captions(tmp_path / "data")
    found = dict(zip(chain(*names(loaded)), chain(*(part.paths for part in loaded[:3])), strict=True))
    assert found == {
        "x/1.jpg": tmp_path / "data/x/1.jpg",
        "y/1.jpg": tmp_path / "data/y/1.jpg",
        "x/2.jpg": tmp_path / "data/x/2.jpg",
        "z/3.jpg": tmp_path / "data/y/3.jpg",
    }
    assert "1 caption of 1 image without an image file is left out: 'y/2.jpg'" in loaded.notes


def test_names_that_are_not_unicode_are_found_and_hashed(tmp_path):
    """A file name of an old disk, half a character of a cut text, and text in place of a name."""
    old = os.fsdecode(b"caf\xe9.jpg")
    rows = ["a.jpg,A dog.", "b.jpg,A cat.", "caf\xe9.jpg,A cow.", f"{'x/' * 3000}.jpg,A pig."]
    text = "\n".join(["image,caption", *rows]).encode("latin-1")
    loaded = load_captions(
        folder(tmp_path, {"captions.csv": text}, ["a.jpg", "b.jpg", old]), encoding="latin-1"
    )
    assert sorted(chain(*names(loaded))) == ["a.jpg", "b.jpg", "caf\xe9.jpg"]
    assert tmp_path / old in chain(*(part.paths for part in loaded[:3]))
    (tmp_path / "captions.csv").unlink()
    for name in ("a.txt", "b.txt", os.fsdecode(b"caf\xe9.txt")):
        (tmp_path / name).write_text("A dog.")
    assert sorted(chain(*names(load_captions(tmp_path)))) == ["a.jpg", "b.jpg", "caf\xe9.jpg"]
    text = json.dumps(
        {"a.jpg": "A \ud83d dog", "b.jpg": "B", "\ud83d.jpg": "C", "c.jpg": "\U0001f600 D"}
    )
    (tmp_path / "captions.json").write_text(text)
    loaded = load_captions(tmp_path, image_names=["a.jpg", "b.jpg", "c.jpg"])
    texts = {n: c for part in loaded[:3] for n, c in zip(part.names, part.captions, strict=True)}
    assert texts == {"a.jpg": ["A \ufffd dog"], "b.jpg": ["B"], "c.jpg": ["\U0001f600 D"]}
    rows = [{"image": name, "caption": text} for name, text in json.loads(text).items()]
    (tmp_path / "captions.json").write_text("\n".join(map(json.dumps, rows)))
    again = load_captions(tmp_path, image_names=["a.jpg", "b.jpg", "c.jpg"])
    assert again.info["sha256"] == loaded.info["sha256"]


def test_a_name_that_could_mean_two_pictures_means_none(tmp_path):
    text = CSV.replace("a.jpg", "a").replace("b.jpg", "B.jpg")
    folder(tmp_path, {"captions.csv": text}, [*PICTURES, "a.png", "e.jpg"])
    loaded = load_captions(tmp_path)
    assert sorted(chain(*names(loaded))) == ["B.jpg", "c.jpg", "d.jpg"]
    assert "2 captions of 1 image without an image file are left out: 'a'" in loaded.notes


def test_pictures_in_several_folders_are_all_found(tmp_path):
    images = ["one/a.jpg", "one/b.jpg", "two/b.jpg", "two/c.jpg", "two/d.jpg"]
    loaded = load_captions(folder(tmp_path, {**SPLIT, "captions.csv": CSV}, images))
    found = [path.relative_to(tmp_path).as_posix() for part in loaded[:3] for path in part.paths]
    assert found == ["one/a.jpg", "two/b.jpg", "two/c.jpg", "two/d.jpg"]


def test_lemmas_are_not_taken_for_captions(tmp_path):
    files = {**SPLIT, "F.token.txt": tokens(PICTURES), "F.lemma.token.txt": "no caption"}
    assert len(load_captions(folder(tmp_path, files)).train) == 2


@pytest.mark.parametrize(
    "files",
    [
        ("train/metadata.csv", "validation/metadata.csv", "test/metadata.csv"),
        ("train.csv", "val.csv", "test.csv"),
        (
            "annotations/captions_train2017.json",
            "annotations/captions_val2017.json",
            "annotations/captions_test.json",
        ),
    ],
)
def test_a_caption_file_for_each_part_makes_the_parts(tmp_path, files):
    texts = [{"a.jpg": "A dog.", "b.jpg": "A cat."}, {"c.jpg": "A cow."}, {"d.jpg": "A pig."}]
    if files[0].endswith(".csv"):
        texts = ["image,caption\n" + "".join(f"{n},{c}\n" for n, c in of.items()) for of in texts]
    else:
        texts = [json.dumps(of) for of in texts]
    images = ["train/a.jpg", "train/b.jpg", "validation/c.jpg", "test/d.jpg"]
    loaded = load_captions(folder(tmp_path, dict(zip(files, texts, strict=True)), images))
    assert [p for part in loaded[:3] for p in part.paths] == [tmp_path / name for name in images]
    assert [len(part) for part in loaded[:3]] == [2, 1, 1]
    (tmp_path / files[1]).unlink()
    fewer = load_captions(tmp_path)
    assert [len(part) for part in fewer[:3]] == [1, 1, 1] and fewer.test.names == loaded.test.names


def test_names_of_metadata_are_those_of_its_own_folder(tmp_path):
    text = "file_name,text\n1.jpg,One.\n2.jpg,Two.\n"
    images = [f"{part}/{n}.jpg" for part in ("train", "test") for n in (1, 2)]
    loaded = load_captions(
        folder(tmp_path, {f"{part}/metadata.csv": text for part in ("train", "test")}, images)
    )
    assert loaded.test.names == ["test/1.jpg", "test/2.jpg"]
    assert loaded.test.paths == [tmp_path / "test/1.jpg", tmp_path / "test/2.jpg"]
    assert sorted(loaded.train.names + loaded.validation.names) == ["train/1.jpg", "train/2.jpg"]


def test_two_caption_files_are_refused_by_name(tmp_path):
    message = error_line(folder(tmp_path, {"captions.csv": CSV, "f.token.txt": tokens(PICTURES)}))
    assert "'captions.csv', 'f.token.txt'" in message


def test_what_cannot_be_found_is_named_with_what_was_expected(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "The known set is flickr8k" in error_line("flicker")
    assert "is missing: expected a folder of images" in error_line(Path("flickr8k"))
    assert "holds no caption file: expected a folder of images" in error_line(tmp_path)
    assert "not of a known kind" in error_line(folder(tmp_path, {"c.xml": "<a>"}) / "c.xml")


# Parts


@pytest.mark.parametrize(
    "files",
    [
        ("train.txt", "valid.txt", "test.txt"),
        ("train.txt", "dev.txt", "Test.txt"),
        ("train.txt", "val.txt", "test.txt"),
        ("F.trainImages.txt", "F.devImages.txt", "F.testImages.txt"),
    ],
)
def test_files_of_names_make_the_parts_in_their_order(tmp_path, files):
    split = dict(zip(files, ("d.jpg\n\nb.jpg", " a.jpg \r\n", "c.jpg"), strict=True))
    loaded = load_captions(folder(tmp_path, {**split, "captions.csv": CSV}))
    assert names(loaded) == [["d.jpg", "b.jpg"], ["a.jpg"], ["c.jpg"]]


def test_a_caption_file_may_tell_the_part_of_each_image(tmp_path):
    text = karpathy(a="train", b="restval", c="val", d="test")
    loaded = load_captions(folder(tmp_path, {"dataset_coco.json": text}))
    assert names(loaded) == [["val2014/a.jpg", "val2014/b.jpg"], ["val2014/c.jpg"], ["val2014/d.jpg"]]
    assert loaded.notes[0] == "dataset_coco.json tells the part of each image"
    table = CSV.replace("caption\n", "caption,split\n").replace(".\n", ".,train\n")
    table = table.replace("cow.,train", "cow.,dev").replace("pig.,train", "pig.,unused")
    folder(tmp_path, {"captions.csv": table})
    loaded = load_captions(tmp_path, seed=1)
    assert [len(part) for part in loaded[:3]] == [1, 1, 1] and loaded.validation.names == ["c.jpg"]
    assert loaded.notes[1:3] == [
        "1 image in no part of the split is left out",
        "no image is in the part of: test; 1 image to train on is taken for it, drawn at random by the "
        "seed 1",
    ]
    folder(tmp_path, {"captions.csv": table.replace("One dog.,train", "One dog.,test")})
    assert "'a.jpg' is in the train part and in the test part" in error_line(tmp_path)


def test_images_in_no_part_of_the_split_are_left_out_and_told(tmp_path):
    files = {**SPLIT, "train.txt": "b.jpg", "captions.csv": CSV}
    loaded = load_captions(folder(tmp_path, files))
    assert names(loaded) == [["b.jpg"], ["c.jpg"], ["d.jpg"]]
    assert loaded.notes == [
        "1 image in no part of the split is left out",
        "3 images with 3 captions: 1 to train on, 1 to validate on, 1 for the test",
    ]


@pytest.mark.parametrize(
    "file, text, words",
    [
        ("train.txt", "a.jpg\nb.jpg\na.jpg\n", ["line 3", "'a.jpg'", "train.txt, line 1"]),
        ("test.txt", "d.jpg\n\nb.jpg\n", ["line 3", "'b.jpg'", "train.txt, line 2"]),
        ("validation.txt", "c.jpg\nx.jpg\n", ["line 2", "'x.jpg'", "captions.csv"]),
        ("test.txt", "\n", ["names no image"]),
    ],
)
def test_a_bad_name_in_a_split_is_given_with_its_file_and_line(tmp_path, file, text, words):
    message = error_line(folder(tmp_path, {**SPLIT, file: text, "captions.csv": CSV}))
    assert message.startswith(str(tmp_path / file))
    assert all(word in message for word in words)


def test_a_split_is_of_all_three_files_or_none(tmp_path):
    folder(tmp_path, {**SPLIT, "captions.csv": CSV})
    (tmp_path / "validation.txt").unlink()
    message = error_line(tmp_path)
    assert "'train.txt', 'test.txt'" in message and "names the images of: validation" in message


def test_two_files_for_one_part_are_refused(tmp_path):
    files = {**SPLIT, "dev.txt": "c.jpg", "captions.csv": CSV}
    assert "'dev.txt', 'validation.txt'" in error_line(folder(tmp_path, files))


def test_without_a_split_a_tenth_and_a_tenth_are_drawn_by_the_seed(tmp_path):
    images = [f"{n}.jpg" for n in range(29)]
    folder(tmp_path / "one", {"f.token.txt": tokens(images)}, images)
    folder(tmp_path / "two", {"f.token.txt": tokens(images[::-1])}, images)
    first, same, other = (
        load_captions(tmp_path / name, seed=seed) for name, seed in [("one", 3), ("two", 3), ("one", 4)]
    )
    assert [len(part) for part in first[:3]] == [25, 2, 2]
    assert sorted(chain(*names(first))) == sorted(images)
    assert names(first) == names(same)
    assert names(first) != names(other)
    assert "drawn at random, by the seed 3" in first.notes[0]


def test_three_images_are_one_in_each_part_and_two_are_too_few(tmp_path):
    folder(tmp_path, {"captions.csv": CSV}, PICTURES[:3])
    assert [len(part) for part in load_captions(tmp_path)[:3]] == [1, 1, 1]
    (tmp_path / "a.jpg").unlink()
    assert "2 of 4 images" in error_line(tmp_path)


# What is left out


def test_what_has_no_picture_caption_or_word_is_counted_and_left_out(tmp_path):
    text = CSV + "x.jpg,Two.\ny.jpg,Three.\nx.jpg,Four.\nb.jpg, .\nz.jpg,!\n"
    images = [*PICTURES, "z.jpg", "no.png"]
    loaded = load_captions(folder(tmp_path, {**SPLIT, "captions.csv": text}, images))
    assert names(loaded) == [["a.jpg", "b.jpg"], ["c.jpg"], ["d.jpg"]]
    assert loaded.train.captions[1] == ["A cat."]
    assert loaded.notes == [
        "2 captions without a word are left out",
        "3 captions of 2 images without an image file are left out: 'x.jpg', 'y.jpg'",
        "2 images without a caption are left out",
        "4 images with 5 captions: 2 to train on, 1 to validate on, 1 for the test",
    ]


def test_names_that_can_be_provided_stand_for_files(tmp_path):
    given = {"b.jpg", "c.jpg", "d.jpg", "x.jpg"}
    folder(tmp_path, {**SPLIT, "captions.csv": CSV}, ["a.jpg", "b.jpg"])
    loaded = load_captions(tmp_path, image_names=given)
    assert names(loaded) == [["b.jpg"], ["c.jpg"], ["d.jpg"]]
    assert [part.paths for part in loaded[:3]] == [[tmp_path / "b.jpg"], [None], [None]]
    assert loaded.notes[:2] == [
        "2 captions of 1 image without an image file are left out: 'a.jpg'",
        "1 image without a caption is left out",
    ]


def test_images_that_cannot_be_read_are_taken_out_counted_and_named(tmp_path):
    loaded = load_captions(folder(tmp_path, {**SPLIT, "captions.csv": CSV}))
    assert loaded.without({}) is loaded
    fewer = loaded.without({"a.jpg": "a.jpg is cut short"})
    assert names(fewer) == [["b.jpg"], ["c.jpg"], ["d.jpg"]]
    assert fewer.notes == [
        "1 image that cannot be read is left out: 'a.jpg'; a.jpg is cut short",
        "3 images with 3 captions: 1 to train on, 1 to validate on, 1 for the test",
    ]
    (tmp_path / "a.jpg").unlink()
    whole = load_captions(folder(tmp_path, {"train.txt": "b.jpg"}, ()))
    assert fewer.info == whole.info
    with pytest.raises(DataError, match=r"no image is left in the test part: .*d\.jpg is cut short"):
        loaded.without({"d.jpg": "d.jpg is cut short"})


def test_names_that_do_not_agree_are_said_where_the_pictures_are_there(tmp_path):
    message = error_line(folder(tmp_path, {"captions.csv": CSV}, [f"photo_{n}.jpg" for n in range(4)]))
    assert "found 4 image files" in message and "such as 'photo_0.jpg'" in message
    assert "the names do not agree" in message and "put the images" not in message


def test_a_part_without_an_image_is_refused_with_what_to_do(tmp_path):
    folder(tmp_path, {**SPLIT, "captions.csv": CSV}, ())
    message = error_line(tmp_path)
    assert "too few for: train, validation, test" in message
    assert "--features" in message and "--data shapes" in message and "'a.jpg', 'b.jpg'" in message
    message = error_line(folder(tmp_path, {}, ["photos/c.jpg", "photos/x.jpg"]))
    assert "too few for: train, test." in message
    assert f"2 image files in {tmp_path / 'photos'}" in message
    assert "the 1 names of images that can be provided" in error_line(tmp_path, image_names={"u.jpg"})


# What a result records


def test_the_hash_is_of_captions_and_split_wherever_they_are(tmp_path):
    def sha256(where, files, **kwargs):
        return load_captions(folder(tmp_path / where, {**SPLIT, **files}), **kwargs).info["sha256"]

    parts = [
        [["a.jpg", ["A dog.", "One dog."]], ["b.jpg", ["A cat."]]],
        [["c.jpg", ["A cow."]]],
        [["d.jpg", ["A pig."]]],
    ]
    expected = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    assert sha256("1", {"captions.csv": CSV}) == expected
    assert sha256("2", {"captions.tsv": CSV.replace(",", "\t")}, image_names=PICTURES) == expected
    assert sha256("3", {"captions.csv": CSV.replace("pig", "hog")}) != expected
    swapped = {"validation.txt": "d.jpg", "test.txt": "c.jpg"}
    assert sha256("4", {"captions.csv": CSV, **swapped}) != expected


def test_info_counts_images_and_captions_and_can_be_written_as_json(tmp_path):
    info = load_captions(folder(tmp_path, {**SPLIT, "captions.csv": CSV})).info
    assert json.loads(json.dumps(info)) == info
    del info["sha256"]
    assert info == {
        "name": str(tmp_path),
        "images_train": 2,
        "images_validation": 1,
        "images_test": 1,
        "captions": 5,
    }


# Flickr8k


@pytest.fixture
def flickr8k(tmp_path, monkeypatch):
    """`$RNN_KIT_DATA`'s folder for the set, whose published counts are those of four images."""
    monkeypatch.setattr(_flickr8k, "IMAGES", (2, 1, 1))
    monkeypatch.setattr(_flickr8k, "CAPTIONS", 10)
    monkeypatch.setattr(_flickr8k, "data_folder", lambda: tmp_path / "data")
    monkeypatch.setenv("RNN_KIT_DATA", str(tmp_path / "mine"))
    return tmp_path / "mine" / "flickr8k"


FLICKR8K = {
    "Flickr8k.token.txt": tokens([*PICTURES, "e.jpg.1"], 2),
    "Flickr_8k.trainImages.txt": "a.jpg\nb.jpg\n",
    "Flickr_8k.devImages.txt": "c.jpg\n",
    "Flickr_8k.testImages.txt": "d.jpg\n",
}


@pytest.mark.parametrize(
    "below", ["Images", "images", "Flicker8k_Dataset", "Flickr8k_Dataset", "sample_images_224"]
)
def test_flickr8k_is_found_with_its_photos_in_a_folder(flickr8k, below):
    folder(flickr8k, FLICKR8K, [f"{below}/{name}" for name in PICTURES])
    loaded = load_captions("flickr8k")
    assert names(loaded) == [["a.jpg", "b.jpg"], ["c.jpg"], ["d.jpg"]]
    assert loaded.test.paths == [flickr8k / below / "d.jpg"]
    assert loaded.info["name"] == "flickr8k"
    assert loaded.notes[0] == "2 captions of 1 image without an image file are left out: 'e.jpg.1'"


def test_flickr8k_is_found_in_the_data_folder_too(flickr8k, tmp_path):
    folder(tmp_path / "data" / "flickr8k", FLICKR8K)
    assert len(load_captions("flickr8k").train) == 2


def test_flickr8k_that_is_nowhere_says_where_it_was_looked_for_and_is_had(flickr8k, tmp_path):
    message = error_line("flickr8k")
    for place in (flickr8k, tmp_path / "data" / "flickr8k"):
        assert f"{place / 'Flickr8k.token.txt'} (no such file)" in message
    assert "https://github.com/jbrownlee/Datasets" in message and "--data shapes" in message


def test_flickr8k_without_photos_says_where_they_are_had_and_what_will_do(flickr8k):
    message = error_line(folder(flickr8k, FLICKR8K, ()) and "flickr8k")
    assert str(flickr8k / "Images") in message and "Flickr8k_Dataset.zip" in message
    assert "--features" in message and "--data shapes" in message
    assert len(load_captions("flickr8k", image_names=PICTURES).train) == 2


def test_flickr8k_is_checked_by_its_published_counts(flickr8k):
    changed = {"Flickr_8k.trainImages.txt": "a.jpg\n", "Flickr8k.token.txt": tokens(PICTURES, 3)}
    message = error_line(folder(flickr8k, {**FLICKR8K, **changed}) and "flickr8k")
    assert "1 images of the train part, 1 fewer than 2" in message
    assert "12 captions in Flickr8k.token.txt, 2 more than 10" in message
    assert "validation part" not in message


def test_flickr8k_needs_its_own_split(flickr8k):
    folder(flickr8k, {"Flickr8k.token.txt": FLICKR8K["Flickr8k.token.txt"]})
    assert "expected Flickr_8k.trainImages.txt" in error_line("flickr8k")


class TestTheRealFlickr8k:
    @pytest.fixture
    def names(self, monkeypatch):
        """All image names of the caption file but the one that no photo has."""
        file = REAL_DATA and REAL_DATA / "flickr8k" / "Flickr8k.token.txt"
        if not (file and file.is_file()):
            pytest.skip("RNN_KIT_DATA names no folder that holds flickr8k/Flickr8k.token.txt")
        monkeypatch.setenv("RNN_KIT_DATA", str(REAL_DATA))
        names = {line.split("#")[0] for line in file.read_text().splitlines()}
        return {name for name in names if not name.endswith(".1")}

    def test_has_the_published_parts_and_five_captions_an_image(self, names):
        loaded = load_captions("flickr8k", image_names=names)
        assert len(names) == 8091
        assert [len(part) for part in loaded[:3]] == [6000, 1000, 1000]
        assert {len(texts) for part in loaded[:3] for texts in part.captions} == {5}
        assert len({name for part in loaded[:3] for name in part.names}) == 8000
        assert loaded.notes[0].startswith("5 captions of 1 image without an image file are left out")
        assert loaded.notes[1] == "91 images in no part of the split are left out"

    def test_has_the_words_that_figures_are_measured_on(self, names):
        loaded = load_captions("flickr8k", image_names=names)
        words = json.dumps([part.words() for part in loaded[:3]])
        digest = "8ab00646159c53c6918376f749948a5217e1f133ad856e27cbee201b95b8c61d"
        assert hashlib.sha256(words.encode()).hexdigest() == digest

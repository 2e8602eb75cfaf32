"""Texts of two classes from the user's own tables and folders."""

import csv
import gzip
import json
import os

import numpy as np
import pytest

from recipe_kit.datasets import DataError, read_labelled


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def table(tmp_path, data, name="reviews.csv"):
    return write(tmp_path / name, data)


def folder(root, files):
    for name, text in files.items():
        write(root / name, text)
    return root


def error_line(*args, **kwargs):
    with pytest.raises(DataError) as caught:
        read_labelled(*args, **kwargs)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 700  # never a whole review
    return message


def contents(part):
    return part.texts, part.labels.tolist(), part.classes


TWO = (["One", "Two"], [0, 1], ("neg", "pos"))

# Tables


def test_a_table_is_read_in_its_order(tmp_path):
    train, test = read_labelled(table(tmp_path, "text,label\nb,pos\na,neg\nb,pos\n"))
    assert contents(train) == (["b", "a", "b"], [1, 0, 1], ("neg", "pos"))
    assert train.labels.dtype == np.int8
    assert len(train) == 3
    assert test is None


@pytest.mark.parametrize(
    "name, delimiter",
    [("a.csv", ","), ("a.CSV", ","), ("a.tsv", "\t"), ("a.Tab", "\t"), ("a.csv", ";")],
)
def test_the_delimiter_follows_from_suffix_and_header(tmp_path, name, delimiter):
    data = "id|label|text\n1|neg|One\n2|pos|Two\n".replace("|", delimiter)
    train, _ = read_labelled(str(table(tmp_path, data, name)))
    assert contents(train) == TWO


def test_a_semicolon_delimits_only_where_the_header_has_no_comma(tmp_path):
    data = "text,a;b,label\nOne;,x,neg\nTwo,y,pos\n"
    assert read_labelled(table(tmp_path, data))[0].texts == ["One;", "Two"]
    data = "text;label\nOne, and more;neg\nTwo;pos\n"
    assert read_labelled(table(tmp_path, data))[0].texts == ["One, and more", "Two"]
    data = "text\tlabel\nOne, and; more\tneg\nTwo\tpos\n"
    assert read_labelled(table(tmp_path, data, "a.tsv"))[0].texts == ["One, and; more", "Two"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends_and_a_byte_order_mark_make_no_difference(tmp_path, end, mark, last):
    data = mark + end.join(["text,label", "One,neg", '"T""w""o,', '2",pos'])
    train, _ = read_labelled(table(tmp_path, data + (end if last else "")))
    assert contents(train) == (["One", 'T"w"o,\n2'], [0, 1], ("neg", "pos"))


def test_quotes_hold_delimiters_line_breaks_and_blank_lines(tmp_path):
    reviews = ['He said "no",\nthen;\tleft.\n\nThe end', "Form\x0cfeed\x85 and \u2028 stay", '"Two"']
    with open(tmp_path / "a.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["label", "text"])
        writer.writerows(zip(["neg", "pos", "pos"], reviews, strict=True))
    assert read_labelled(tmp_path / "a.csv")[0].texts == reviews


def test_blank_lines_between_rows_are_passed_over(tmp_path):
    train, _ = read_labelled(table(tmp_path, "\ntext,label\n\nOne,neg\nTwo,pos\n\n\n"))
    assert contents(train) == TWO


def test_a_review_may_be_longer_than_the_csv_modules_limit(tmp_path):
    long = "word " * 150_000
    before = csv.field_size_limit()
    train, _ = read_labelled(table(tmp_path, f'text,label\n"{long}",neg\nTwo,pos\n'))
    assert train.texts == [long, "Two"]
    assert csv.field_size_limit() == before
    error_line(table(tmp_path, f'text,label\n"{long}",neg\n"Two\n,pos\n'))
    assert csv.field_size_limit() == before


def test_text_is_composed_once_it_is_cut(tmp_path):
    # The Greek question mark composes to a semicolon, which would be a delimiter.
    data = "text;l\u0061\u0308bel\ne\u0301\u037e;neg\nTwo;pos\n"
    train, _ = read_labelled(table(tmp_path, data), label_column="la\u0308bel")
    assert train.texts == ["\u00e9;", "Two"]
    assert read_labelled(table(tmp_path, data), label_column="l\u00e4bel")[0].texts == train.texts


def test_columns_and_labels_are_named_without_the_space_around_them(tmp_path):
    train, _ = read_labelled(table(tmp_path, "text, label\n One,neg \nTwo, pos\n"))
    assert contents(train) == ([" One", "Two"], [0, 1], ("neg", "pos"))


def test_the_columns_may_have_other_names(tmp_path):
    file = table(tmp_path, "review,sentiment\nOne,negative\nTwo,positive\n")
    train, _ = read_labelled(file, text_column="review", label_column="sentiment")
    assert contents(train) == (["One", "Two"], [0, 1], ("negative", "positive"))


@pytest.mark.parametrize(
    "classes",
    [
        ("neg", "pos"),
        ("negative", "positive"),
        ("Negative", "positive"),
        ("negative", "Positive"),  # "P" sorts before "n"
        ("NO", "Yes"),
        ("false", "TRUE"),
        ("bad", "good"),
        ("0", "1"),
        ("1", "2"),
        ("-1", "1"),
        ("-1", "+1"),  # "+" sorts before "-"
        ("neg", "1"),
        ("ham", "spam"),
        ("Ham", "positive"),
        ("1", "true"),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_the_positive_class_is_1_and_others_are_sorted(tmp_path, classes, turned):
    rows = [f"a,{classes[0]}\n", f"b,{classes[1]}\n"]
    train, _ = read_labelled(table(tmp_path, "text,label\n" + "".join(rows[::-1] if turned else rows)))
    assert train.classes == classes
    assert dict(zip(train.texts, train.labels.tolist(), strict=True)) == {"a": 0, "b": 1}


def test_a_missing_column_is_named_with_the_flag_and_the_closest_first(tmp_path):
    file = table(tmp_path, "id,Heading,TEXTS,note\n1,a,b,c\n")
    message = error_line(file)
    assert str(file) in message
    assert "no column 'text'" in message
    assert "names 'TEXTS', " in message
    assert "'Heading'" in message
    assert "--text-column" in message
    message = error_line(file, text_column="TEXTS", label_column="headings")
    assert "no column 'headings'" in message
    assert "names 'Heading', " in message
    assert "--label-column" in message


@pytest.mark.parametrize(
    "header, taken",
    [("id\tsentiment\treview", ("review", "sentiment")), ("Nr\tLabel\tText", ("Text", "Label"))],
)
def test_columns_of_usual_names_are_found_and_told(tmp_path, header, taken):
    train, _ = read_labelled(table(tmp_path, f"{header}\n1\t0\tOne\n2\t1\tTwo\n", "a.tsv"))
    assert contents(train) == (["One", "Two"], [0, 1], ("0", "1"))
    assert train.notes == tuple(
        f"a.tsv: the column {name!r} is taken for the {what}"
        for name, what in zip(taken, ("text", "label"), strict=True)
    )


def test_two_columns_of_usual_names_are_not_chosen_from(tmp_path):
    message = error_line(table(tmp_path, "review,comment,label\na,b,neg\n"))
    assert "2 columns that may be the text, 'review', 'comment'" in message
    assert "--text-column" in message


def test_columns_can_be_named_where_the_first_row_is_a_text(tmp_path):
    # As the SMS Spam Collection is: tabs, no suffix, no header, quotes as people type them.
    data = 'ham\t"Ok lar... he said\nspam\tFree entry!\nham\tU dun say "so" early\n'
    file = table(tmp_path, data, "SMSSpamCollection")
    train, _ = read_labelled(file, columns=["label", " text"])
    assert train.texts == ['"Ok lar... he said', "Free entry!", 'U dun say "so" early']
    assert (train.labels.tolist(), train.classes) == ([0, 1, 0], ("ham", "spam"))
    assert "--columns label,text" in error_line(file)


def test_a_table_without_a_header_is_refused_in_few_words(tmp_path):
    review = "A long review.\n" * 20_000
    message = error_line(table(tmp_path, f'1,"{review}"\n2,Another.\n'))
    assert "--columns" in message
    assert "A long review." in message


def test_a_column_that_comes_twice_is_refused(tmp_path):
    message = error_line(table(tmp_path, "text,label,text\na,neg,b\n"))
    assert "2 columns that may be the text, 'text', 'text'" in message


def test_unquoted_delimiters_in_a_last_column_are_the_texts_own(tmp_path):
    train, _ = read_labelled(table(tmp_path, "label,text\nneg,One, and more, yes\npos,Two\n"))
    assert train.texts == ["One, and more, yes", "Two"]


@pytest.mark.parametrize("row, found", [("Two", 1), ("Two,pos,", 3), ("Two, too,pos", 3)])
def test_a_row_of_too_few_or_many_fields_is_named_by_its_line(tmp_path, row, found):
    file = table(tmp_path, f'text,label\n\n"One\n1",neg\n{row}\n')
    message = error_line(file)
    assert f"{file}, line 5: expected 2 fields" in message
    assert f"found {found};" in message


@pytest.mark.parametrize("text", ["", " ", '"\n\t "', "...", '"?! , -"', "\u00a0"])
def test_a_row_without_a_word_is_left_out_and_told(tmp_path, text):
    data = f'text,label\n"One\n1",neg\n{text},pos\nTwo,pos\n'
    train, _ = read_labelled(table(tmp_path, data))
    assert contents(train) == (["One\n1", "Two"], [0, 1], ("neg", "pos"))
    assert train.notes == ("reviews.csv: 1 row without a word left out, line 4",)


@pytest.mark.parametrize("last", [",", " ", '""', '"",""'])
def test_an_empty_last_row_is_left_out_and_told(tmp_path, last):
    train, _ = read_labelled(table(tmp_path, f"text,label\nOne,neg\nTwo,pos\n{last}\n"))
    assert contents(train) == TWO
    assert [note.partition(":")[0] for note in train.notes] == ["reviews.csv"] * (last != " ")


@pytest.mark.parametrize("text", ["é", "7", "'", "\u661f"])
def test_a_text_of_one_word_is_not_empty(tmp_path, text):
    assert read_labelled(table(tmp_path, f"text,label\n{text},neg\nTwo,pos\n"))[0].texts[0] == text


def test_rows_without_a_label_are_left_out_and_told(tmp_path):
    rows = "".join(f"{word}, \n" for word in "ABCDEFG")
    train, _ = read_labelled(table(tmp_path, f"text,label\nOne,neg\n{rows}Two,pos\n"))
    assert contents(train) == TWO
    assert train.notes == (
        "reviews.csv: 7 rows without a label left out, lines 3, 4, 5, 6, 7 and 2 more",
    )


def test_other_than_two_classes_are_counted(tmp_path):
    message = error_line(table(tmp_path, "text,label\na,pos\nb,pos\n"))
    assert "found 1: 'pos' (2)" in message
    rows = "".join(f"a,{stars}\n" * stars for stars in range(1, 9))
    message = error_line(table(tmp_path, "text,label\n" + rows))
    assert "found 8: '8' (8), '7' (7), '6' (6), '5' (5), '4' (4) and 3 more" in message
    assert "--label-column" in message


def test_a_column_of_texts_taken_for_labels_is_shown_in_few_words(tmp_path):
    rows = "".join(f"{i} {'word ' * 1000},pos\n" for i in range(9))
    assert "found 9: '0 word" in error_line(table(tmp_path, "label,text\n" + rows))


@pytest.mark.parametrize("data, what", [("text,label\n", "no rows"), ("", "empty"), ("\n\n", "empty")])
def test_a_table_without_rows_is_refused(tmp_path, data, what):
    assert what in error_line(table(tmp_path, data))


@pytest.mark.parametrize(
    "rows",
    ['"One" more,neg\n', '"One,neg\nTwo,pos\n'],
    ids=["text behind", "left open"],
)
def test_broken_quoting_is_named_by_the_line_where_the_row_begins(tmp_path, rows):
    message = error_line(table(tmp_path, f'text,label\n"Z\n0",neg\n{rows}'))
    assert "line 4: the quoting is broken" in message


@pytest.mark.parametrize(
    "data, offset, line",
    [
        (b"text,label\nOn\xe9,neg\n", 13, 2),
        (b"text,label\nOne,neg\nTw\0o,pos\n", 21, 3),
    ],
)
def test_the_byte_that_is_not_utf8_is_named(tmp_path, data, offset, line):
    file = table(tmp_path, data)
    message = error_line(file)
    assert str(file) in message
    assert f"at byte offset {offset} (line {line})" in message


def test_a_named_encoding_reads_tables_and_folders(tmp_path):
    data = "text,label\nÉté,neg\nTwo,pos\n".encode("latin-1")
    assert "encoding=" in error_line(table(tmp_path, data))
    train, _ = read_labelled(table(tmp_path, data), encoding="latin-1")
    assert train.texts == ["Été", "Two"]
    files = {"a/neg/1.txt": "Été".encode("latin-1"), "a/pos/1.txt": b"Two"}
    train, _ = read_labelled(folder(tmp_path, files) / "a", encoding="latin-1")
    assert train.texts == ["Été", "Two"]


# Forms of tables that people have


def four_rows(file, **how):
    train, _ = read_labelled(file, **how)
    return list(zip(train.texts, (train.classes[i] for i in train.labels), strict=True))


FOUR = [('"Yes', "pos"), ("No", "neg"), ('5" nails', "neg"), ('"A" or "B"', "pos")]


def test_a_quote_in_a_table_with_tabs_is_the_texts_own(tmp_path):
    data = "text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in FOUR)
    assert four_rows(table(tmp_path, data, "a.tsv")) == FOUR


def test_a_quote_that_would_swallow_rows_of_a_csv_file_is_the_texts_own(tmp_path):
    data = "text,label\n" + "".join(f"{text},{label}\n" for text, label in FOUR)
    assert four_rows(table(tmp_path, data)) == FOUR
    data = 'text,label\n"One,neg\nTwo,pos\nThree",neg\n'
    assert read_labelled(table(tmp_path, data))[0].texts == ['"One', "Two", 'Three"']


def test_a_line_break_within_quotes_is_kept_where_each_line_happens_to_have_a_delimiter(tmp_path):
    data = 'text,label\n"One,\ntwo",neg\nThree,pos\n'
    assert read_labelled(table(tmp_path, data))[0].texts == ["One,\ntwo", "Three"]


@pytest.mark.parametrize(
    "rows, texts",
    [
        # As Python's csv.writer writes a backslash before a quote, and one at a field's end.
        ('"He said \\""go\\"", then left",pos\nTwo,neg\n', ['He said \\"go\\", then left', "Two"]),
        ('"one, two\\",pos\n"C:\\","neg"\n', ["one, two\\", "C:\\"]),
        ('"Good film, so so\nloved it",pos\nTwo,neg\n', ["Good film, so so\nloved it", "Two"]),
    ],
)
def test_what_rfc_4180_reads_is_read_by_it(tmp_path, rows, texts):
    assert read_labelled(table(tmp_path, f"text,label\n{rows}"))[0].texts == texts


SWALLOWED = '"to be,pos\nso sad,\nwhat a day,pos\nlove it so much",pos\nhate it,neg\n'


def test_a_quote_that_would_swallow_rows_does_not_where_one_has_no_label(tmp_path):
    train, _ = read_labelled(table(tmp_path, f"text,label\n{SWALLOWED}"))
    assert train.texts == ['"to be', "what a day", 'love it so much"', "hate it"]
    assert train.notes == ("reviews.csv: 1 row without a label left out, line 3",)


@pytest.mark.parametrize(
    "data",
    [
        f"text,label\n{SWALLOWED}much, too much,neg\n",
        'label,text\npos,"I loved it\nneg,bad film\npos,a classic"\nneg,meh, dull\n',
    ],
)
def test_a_quote_that_joins_rows_of_an_uneven_csv_file_is_refused(tmp_path, data):
    message = error_line(table(tmp_path, data))
    assert "line 2: a double quote joins the rows of lines 2 to" in message


def test_named_columns_tell_the_delimiter(tmp_path):
    file = table(tmp_path, "great, fun;pos\nbad, dull;neg\n")
    assert read_labelled(file, columns=["text", "label"])[0].texts == ["great, fun", "bad, dull"]


def test_numbers_that_are_whole_are_one_label(tmp_path):
    data = '{"text":"a","label":1}\n{"text":"b","label":1.0}\n{"text":"c","label":0}\n'
    assert read_labelled(table(tmp_path, data, "a.jsonl"))[0].classes == ("0", "1")


def test_quotes_that_join_rows_of_an_uneven_table_with_tabs_are_refused(tmp_path):
    data = 'text\tlabel\n"One\tneg\nTwo\tpos"\nThree\tneg\nFo\tur\tpos\n'
    message = error_line(table(tmp_path, data, "a.tsv"))
    assert "line 2: a double quote joins the rows of lines 2 to 3 into one" in message


def test_quotes_around_whole_fields_of_a_table_with_tabs_are_not_of_the_text(tmp_path):
    # As Kaggle's labeledTrainData.tsv: every field quoted, with backslashes before quotes within.
    data = 'id\tsentiment\treview\n"1_8"\t1\t"A \\"must\\" see."\n"2_3"\t0\t"Dull ""art""."\n'
    train, _ = read_labelled(table(tmp_path, data, "labeledTrainData.tsv"))
    assert contents(train) == (['A "must" see.', 'Dull "art".'], [1, 0], ("0", "1"))


def test_a_quote_behind_a_backslash_does_not_end_its_field(tmp_path):
    data = 'text,label\n"One, \\"quoted\\" text",neg\nTwo,pos\n'
    assert read_labelled(table(tmp_path, data))[0].texts == ['One, "quoted" text', "Two"]


@pytest.mark.parametrize("delimiter", ["\t", "|", ";"])
def test_a_csv_file_may_have_another_delimiter(tmp_path, delimiter):
    data = "text,label\nOne,neg\nTwo,pos\n".replace(",", delimiter)
    assert contents(read_labelled(table(tmp_path, data))[0]) == TWO


def test_a_first_line_of_excel_names_the_delimiter(tmp_path):
    data = "sep=;\ntext;label\nOne;neg\n;pos\nTwo;pos\n"
    train, _ = read_labelled(table(tmp_path, data))
    assert contents(train) == TWO
    assert train.notes == ("reviews.csv: 1 row without a word left out, line 4",)


def test_excels_unicode_text_is_read(tmp_path):
    data = "text\tlabel\r\nÉté\tneg\r\nTwo\tpos\r\n".encode("utf-16")
    assert read_labelled(table(tmp_path, data, "a.txt"))[0].texts == ["Été", "Two"]


def test_utf_16_without_a_mark_is_named(tmp_path):
    data = "text,label\nOne,neg\nTwo,pos\n".encode("utf-16-le")
    assert "encoding='utf-16-le'" in error_line(table(tmp_path, data))
    assert contents(read_labelled(table(tmp_path, data), encoding="utf-16-le")[0]) == TWO


def test_a_packed_table_is_read_and_one_cut_short_refused(tmp_path):
    packed = gzip.compress(b"text,label\nOne,neg\nTwo,pos\n" * 9)
    file = table(tmp_path, gzip.compress(b"text,label\nOne,neg\nTwo,pos\n"), "a.csv.gz")
    assert contents(read_labelled(file)[0]) == TWO
    assert "cut short or damaged" in error_line(table(tmp_path, packed[:-12], "b.csv.gz"))


JSON_ROWS = [{"text": "One", "label": 0}, {"label": 1, "text": "Two", "stars": None}]


@pytest.mark.parametrize(
    "name, data",
    [
        ("a.jsonl", "\n".join(map(json.dumps, JSON_ROWS)) + "\n\n"),
        ("a.ndjson", "\n".join(map(json.dumps, JSON_ROWS))),
        ("a.json", json.dumps(JSON_ROWS, indent=1)),
    ],
)
def test_json_is_read(tmp_path, name, data):
    train, _ = read_labelled(table(tmp_path, data, name))
    assert contents(train) == (["One", "Two"], [0, 1], ("0", "1"))


@pytest.mark.parametrize(
    "data, what",
    [
        ('{"text": "One"}\n{"text"\n', "line 2 is not JSON"),
        ('{"text": "One"}\n["Two"]\n', "line 2: expected an object"),
        ("[1, 2]", "item 1: expected an object"),
        ("[1, ", "is not JSON"),
        ("", "empty"),
        ("[]", "empty"),
    ],
)
def test_json_of_another_shape_is_refused(tmp_path, data, what):
    assert what in error_line(table(tmp_path, data, "a.jsonl"))


def test_a_missing_path_or_one_of_another_kind_names_what_was_expected(tmp_path):
    message = error_line(tmp_path / "nowhere.csv")
    assert str(tmp_path / "nowhere.csv") in message
    assert "missing" in message
    for words in (".csv", "train.csv", "train/<class>/*.txt"):
        assert words in message
    message = error_line(table(tmp_path, b"PK\3\4", "reviews.xlsx"))
    assert "no table of text" in message
    assert "save it as .csv" in message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    assert "neither a regular file nor a folder" in error_line(tmp_path / "pipe.csv")


def test_a_file_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    def refuse(path, *args, **kwargs):
        raise PermissionError(13, "Permission denied", str(path))

    file = table(tmp_path, "text,label\nOne,neg\nTwo,pos\n")
    monkeypatch.setattr("builtins.open", refuse)
    message = error_line(file)
    assert str(file) in message
    assert "Permission denied" in message
    monkeypatch.setattr(os, "scandir", refuse)
    assert f"{tmp_path} cannot be read" in error_line(tmp_path)


# Folders

ACLIMDB = {
    "train/pos/10_9.txt": "b",
    "train/pos/2_9.txt": "c",
    "train/pos/0_9.txt": "a",
    "train/neg/0_2.txt": "z\r\ny",
    "train/unsup/0_0.txt": "left out",
    "train/labeledBow.feat": "left out",
    "train/.cache/0.txt": "left out",
    "train/pos/.hidden.txt": "left out",
    "train/pos/notes.md": "left out",
    "imdb.vocab": "left out",
    "README": "left out",
}


def test_a_folder_like_aclimdb_is_read_class_by_class_in_sorted_order(tmp_path):
    tests = {"test/pos/0_8.txt": "\ufeffe\u0301", "test/neg/0_1.txt": "d"}
    train, test = read_labelled(folder(tmp_path, ACLIMDB | tests))
    assert contents(train) == (["z\ny", "a", "b", "c"], [0, 1, 1, 1], ("neg", "pos"))
    assert contents(test) == (["d", "\u00e9"], [0, 1], ("neg", "pos"))
    assert train.labels.dtype == test.labels.dtype == np.int8


def test_a_folder_may_have_no_test_part_or_be_the_classes_themselves(tmp_path):
    train, test = read_labelled(folder(tmp_path, ACLIMDB))
    again, no_test = read_labelled(tmp_path / "train")
    assert contents(train) == contents(again)
    assert test is no_test is None


@pytest.mark.parametrize("suffix", ["csv", "tsv", "TAB"])
def test_a_folder_may_hold_a_training_and_a_test_table(tmp_path, suffix):
    data = "text,label\n{},yes\nTwo,no\n".replace(",", "," if suffix == "csv" else "\t")
    write(tmp_path / f"train.{suffix}", data.format("One"))
    train, test = read_labelled(tmp_path)
    assert contents(train) == (["One", "Two"], [1, 0], ("no", "yes"))
    assert test is None
    write(tmp_path / f"test.{suffix}", data.format("Three").rpartition("Two")[0])
    train, test = read_labelled(tmp_path)
    assert contents(test) == (["Three"], [1], ("no", "yes"))


def test_the_columns_are_those_asked_for_in_both_tables(tmp_path):
    for part in ("train", "test"):
        write(tmp_path / f"{part}.csv", f"a,b\n{part},0\ntwo,1\n")
    train, test = read_labelled(tmp_path, "a", "b")
    assert (train.texts[0], test.texts[0]) == ("train", "test")


def test_a_test_label_that_training_does_not_have_is_named(tmp_path):
    write(tmp_path / "train.csv", "text,label\nOne,neg\nTwo,pos\n")
    write(tmp_path / "test.csv", "text,label\nOne,neg\nTwo,neutral\n")
    message = error_line(tmp_path)
    assert f"{tmp_path / 'test.csv'}, line 3: the label 'neutral'" in message
    assert "'neg' or 'pos'" in message


@pytest.mark.parametrize("name", ["neutral", "POS"])
def test_test_folders_that_training_does_not_have_are_named(tmp_path, name):
    files = {"test/neg/0.txt": "One", f"test/{name}/0.txt": "Two"}
    message = error_line(folder(tmp_path, ACLIMDB | files))
    assert str(tmp_path / "test") in message
    assert repr(name) in message
    assert "'neg' and 'pos'" in message


def test_other_than_two_class_folders_are_named(tmp_path):
    assert "found none" in error_line(tmp_path)
    folder(tmp_path, {"a/1.txt": "One", "unsup/1.txt": "Two", ".b/1.txt": "Three", "b.txt": "Four"})
    assert "found 1: 'a'" in error_line(tmp_path)
    folder(tmp_path, {"b/1.txt": "One", "c/1.txt": "One"})
    message = error_line(tmp_path)
    assert str(tmp_path) in message
    assert "found 3: 'a', 'b', 'c'" in message
    assert "train/<class>/*.txt" in message


@pytest.mark.parametrize("text", ["", "\ufeff", " \n\t", "..."])
def test_a_file_without_words_is_left_out_and_told(tmp_path, text):
    files = {"neg/1.txt": text, "neg/2.txt": "One", "pos/1.txt": "Two"}
    train, _ = read_labelled(folder(tmp_path, files))
    assert contents(train) == TWO
    assert train.notes == (f"{tmp_path / 'neg'}: 1 file without a word left out, 1.txt",)


def test_a_file_that_is_not_utf8_is_named(tmp_path):
    files = {"neg/1.txt": b"one\n\xff", "pos/1.txt": "Two"}
    message = error_line(folder(tmp_path, files))
    assert f"{tmp_path / 'neg' / '1.txt'} is not UTF-8 text: the byte 0xff at byte offset 4" in message


def test_a_class_without_texts_is_named(tmp_path):
    message = error_line(folder(tmp_path, {"neg/1.md": "One", "pos/1.txt": "Two"}))
    assert f"{tmp_path / 'neg'} holds no .txt files with a word" in message


def test_a_part_that_is_there_twice_is_refused(tmp_path):
    write(tmp_path / "train.csv", "text,label\nOne,neg\nTwo,pos\n")
    write(tmp_path / "train.tsv", "text\tlabel\nOne\tneg\nTwo\tpos\n")
    message = error_line(tmp_path)
    assert "'train.csv', 'train.tsv'" in message


@pytest.mark.parametrize("train_is_table", [True, False])
def test_a_folder_beside_a_table_is_refused(tmp_path, train_is_table):
    train, test = ("train.csv", "test") if train_is_table else ("train", "test.csv")
    write(tmp_path / (train if train_is_table else test), "text,label\nOne,neg\nTwo,pos\n")
    root = tmp_path / (test if train_is_table else train)
    folder(root, {"neg/1.txt": "One", "pos/1.txt": "Two"})
    message = error_line(tmp_path)
    assert str(tmp_path / train) in message
    assert str(tmp_path / test) in message

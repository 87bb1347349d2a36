"""Tables of text: what is found out about them, what is kept, and what is refused by its place."""

import bz2
import gzip
import lzma

import numpy as np
import pytest

from deeptutorial.datasets import load_data, read_dataset
from deeptutorial.datasets.load import read_undivided
from deeptutorial.datasets.text_tables import read_text_table, text_table_in_blocks

VALUES = [[1.5, -2.0, 3e-3], [4.0, 5.25, 6.0], [7.0, 8.0, 9.125], [0.5, 0.0, 1.0]]
NAMES = ("TP53", "MYC", "EGFR")
SAMPLES = ["GSM1", "GSM2", "GSM3", "GSM4"]


@pytest.fixture
def table(tmp_path):
    """Return a function that writes a table and returns its path."""

    def write(text, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def joined(rows, separator=","):
    return "".join(separator.join(map(str, row)) + "\n" for row in rows)


def with_identifiers(corner="gene", separator="\t"):
    rows = [[corner, *NAMES], *([name, *row] for name, row in zip(SAMPLES, VALUES, strict=True))]
    return joined(rows, separator)


@pytest.mark.parametrize("separator", [",", "\t", ";", " ", "   "])
@pytest.mark.parametrize("header", [(), NAMES])
def test_separator_and_header_are_found(table, separator, header):
    rows = [header, *VALUES] if header else VALUES
    examples = read_text_table(table(joined(rows, separator), "table.txt"))
    np.testing.assert_array_equal(examples.images, VALUES)
    assert examples.columns == header
    assert examples.identifiers is None
    assert examples.labels is None
    assert examples.image_shape == (1, 3)


@pytest.mark.parametrize("corner", ["gene", "", "id", '"sample name"'])
def test_identifiers_are_kept(table, corner):
    examples = read_text_table(table(with_identifiers(corner), "genes.tsv"))
    np.testing.assert_array_equal(examples.images, VALUES)
    assert examples.columns == NAMES
    assert examples.identifiers.tolist() == SAMPLES


def test_a_header_of_numbers(table, refusal):
    text = "country,2001,2002,2004\nFR,1.5,2,1\nDE,3,4,6\n"
    refusal(read_text_table, table(text), "line 1 may be a header of numbers")
    examples = read_text_table(table(text.replace("country", "id")))
    np.testing.assert_array_equal(examples.images, [[1.5, 2, 1], [3, 4, 6]])
    assert examples.columns == ("2001", "2002", "2004")
    without = read_text_table(table(text.replace("2001", "2001.5")))
    assert without.identifiers.tolist() == ["country", "FR", "DE"]


def test_truth_values(table):
    examples = read_text_table(table("a,b\nTrue,0.5\nFALSE,1\n"))
    np.testing.assert_array_equal(examples.images, [[1, 0.5], [0, 1]])


def test_a_corner_that_r_leaves_out(table):
    text = with_identifiers().replace("gene\t", "", 1)
    examples = read_text_table(table(text, "genes.txt"))
    np.testing.assert_array_equal(examples.images, VALUES)
    assert (examples.columns, examples.identifiers.tolist()) == (NAMES, SAMPLES)


def test_what_pandas_numbers(table):
    examples = read_text_table(
        table(",0,1,2\n" + joined([i, *row] for i, row in enumerate(VALUES)))
    )
    np.testing.assert_array_equal(examples.images, VALUES)
    assert (examples.columns, examples.identifiers.tolist()) == ((), list("0123"))


@pytest.mark.parametrize("separator", ["\t", ","])
def test_genes_as_rows(table, separator):
    text = with_identifiers(separator=separator)
    examples = read_text_table(table(text, "genes.pcl"), transpose=True)
    np.testing.assert_array_equal(examples.images, np.transpose(VALUES))
    assert examples.columns == tuple(SAMPLES)
    assert examples.identifiers.tolist() == list(NAMES)
    assert examples.image_shape == (1, 4)


def test_labels_in_a_row(table):
    lines = with_identifiers().splitlines()
    lines.insert(1, "subtype\tbasal\tluminal\tbasal")
    examples = read_text_table(
        table("\n".join(lines), "genes.tsv"), transpose=True, label_column="subtype"
    )
    np.testing.assert_array_equal(examples.images, np.transpose(VALUES))
    assert examples.labels.tolist() == ["basal", "luminal", "basal"]
    assert examples.columns == tuple(SAMPLES)


def test_stanfords_pcl(table):
    text = (
        "YORF\tNAME\tGWEIGHT\tcold\theat\n"
        "EWEIGHT\t\t\t1\t1\n"
        "YAL001C\tTFC3 transcription\t1\t0.5\t-0.25\n"
        "YAL002W\tVPS8\t1\t1.5\t2\n"
    )
    examples = read_text_table(table(text, "yeast.pcl"))
    np.testing.assert_array_equal(examples.images, [[0.5, -0.25], [1.5, 2]])
    assert (examples.columns, examples.identifiers.tolist()) == (
        ("cold", "heat"),
        ["YAL001C", "YAL002W"],
    )


def test_a_series_matrix_of_geo(table):
    text = (
        '!Series_title\t"Cells"\n!Sample_count\t2\n\n!series_matrix_table_begin\n'
        '"ID_REF"\t"GSM1"\t"GSM2"\n"1007_s_at"\t5.5\t6\n"1053_at"\t7\t8.25\n'
        "!series_matrix_table_end\n"
    )
    examples = read_text_table(table(gzip.compress(text.encode()), "GSE1.txt.gz"), transpose=True)
    np.testing.assert_array_equal(examples.images, [[5.5, 7], [6, 8.25]])
    assert examples.columns == ("1007_s_at", "1053_at")
    assert examples.identifiers.tolist() == ["GSM1", "GSM2"]


@pytest.mark.parametrize(("suffix", "pack"), [("gz", gzip), ("bz2", bz2), ("xz", lzma)])
def test_packed_tables(table, suffix, pack, refusal):
    content = pack.compress(joined([NAMES, *VALUES]).encode())
    path = table(content, f"TABLE.CSV.{suffix}")
    np.testing.assert_array_equal(read_undivided(path).images, VALUES)
    twice = table(pack.compress(b"1,2\n") + pack.compress(b"3,4\n"), f"twice.csv.{suffix}")
    np.testing.assert_array_equal(read_undivided(twice).images, [[1, 2], [3, 4]])
    refusal(read_undivided, table(content[:-9], f"cut.csv.{suffix}"))
    refusal(read_undivided, table(b"1,2\n", f"plain.csv.{suffix}"), "in spite of its name")


def test_other_alphabets_and_ends_of_lines(table):
    text = "\ufeffGröße,Länge\r\n1,2\r\n3,4\r\n"
    assert read_text_table(table(text.encode())).columns == ("Größe", "Länge")
    assert read_text_table(table(text[1:].encode("latin-1"))).columns == ("Größe", "Länge")


def test_decimal_commas_between_semicolons(table):
    examples = read_text_table(table("a;b\n1,5;-2,25\n3;1e-3\n"))
    np.testing.assert_array_equal(examples.images, [[1.5, -2.25], [3, 1e-3]])


def test_quotes(table):
    examples = read_text_table(table('"a, the first","b ""two"""\n"1",2\n3,"4"\n'))
    np.testing.assert_array_equal(examples.images, [[1, 2], [3, 4]])
    assert examples.columns == ("a, the first", 'b "two"')


def test_empty_rows_of_a_spreadsheet(table):
    examples = read_text_table(table("id,a,b\ns,1,2\n,,\nt,3,4\n , ,\n\n"))
    np.testing.assert_array_equal(examples.images, [[1, 2], [3, 4]])


def test_a_separator_at_the_end_of_each_line(table):
    examples = read_text_table(table("a,b,\n1,2,\n3,4,\n"))
    np.testing.assert_array_equal(examples.images, [[1, 2], [3, 4]])


# ---- labels


def test_kaggles_digits(table):
    pixels = np.random.default_rng(0).integers(0, 256, (30, 16))
    header = ["label", *(f"pixel{i}" for i in range(16))]
    rows = [[i % 10, *row] for i, row in enumerate(pixels.tolist())]
    read = load_data(table(joined([header, *rows]), "train.csv"))
    images = np.concatenate([x.get_value() for x, _ in read])
    labels = np.concatenate([y.eval() for _, y in read])
    order = np.random.default_rng(0).permutation(30)  # as examples in one piece are divided
    np.testing.assert_array_equal(images, (pixels / 256)[order])
    np.testing.assert_array_equal(labels, (np.arange(30) % 10)[order])
    assert read[0][0].tag.image_shape == (4, 4)
    assert read_undivided(table(joined([header[1:], *pixels.tolist()]))).image_shape == (4, 4)


def test_pixels_that_are_fractions_stay_so(table):
    text = joined([["pixel0", "pixel1"], [0, 0.5], [1, 0.25], [1, 1], [0, 0]])
    np.testing.assert_array_equal(read_text_table(table(text)).images[0], [0, 0.5])
    text = joined([["pixel0", "pixel1"], [0, 1], [1, 0], [1, 1], [0, 0]])
    assert read_text_table(table(text)).images.dtype == np.float64


@pytest.mark.parametrize("wanted", ["species", "3", "-1"])
def test_the_label_column_by_name_and_number(table, wanted):
    text = "long,wide,species\n" + "5.1,3.5,setosa\n6,2.9,virginica\n" * 5
    dataset = read_dataset(table(text), "minmax", label_column=wanted)
    assert dataset.class_names == ("setosa", "virginica")
    assert sorted(np.concatenate([y for _, y in (dataset.train, dataset.valid, dataset.test)])) == [
        *([0] * 5),
        *([1] * 5),
    ]
    assert dataset.columns == ("long", "wide")


def test_a_label_column_that_is_not_there(table, refusal):
    path = table("long,wide,species\n5,3,setosa\n")
    refusal(
        lambda _: read_undivided(path, label_column="kind"), path, "'kind'", "long, wide, species"
    )
    refusal(lambda _: read_undivided(path, label_column="4"), path, "no column '4'")


# ---- what is refused, by its place


@pytest.mark.parametrize("mark", ["", "NA", "NaN", "?", "null"])
def test_missing_values(table, refusal, mark):
    text = f"id,a,b\ns1,1,2\ns2,,4\ns3,3,{mark}\n".replace("s2,,", f"s2,{mark},")
    path = table(text)
    refusal(read_undivided, path, "line 3, column 2 ('a')", "missing", "--impute")
    filled = read_undivided(path, impute=True)
    np.testing.assert_array_equal(filled.images, [[1, 2], [2, 4], [3, 3]])


def test_a_column_without_values(table, refusal):
    path = table("a,b\n1,NA\n2,NA\n")
    refusal(lambda _: read_undivided(path, impute=True), path, "column 2 ('b') has no values")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n3,4,5\n", ["line 3 has 3 values", "have 2"]),
        ("a,b\n1,2\n3\n", ["line 3 has 1 values"]),
        ('a,b\n1,2\n"3,4\n5,6\n', ["quote", "after line 2"]),
        ("a,b\r1,2\r3,4\r", ["carriage return"]),
        ("a,b\n1,2\n3,=1+2\n", ["column 2 ('b')", "'=1+2'", "no number"]),
        ("a,b\n1,2\n" + "1,2\n" * 30 + "1,1_000\n", ["line 33, column 2 ('b'): '1_000'"]),
        ("a,b\n1,2\n" + "1,2\n" * 30 + "1,٣\n", ["line 33, column 2"]),
        ("a,b\n1,1e999\n", ["line 2, column 2 ('b')", "infinite"]),
        ("a,b\n1,2\n3,\0\n", ["line 3", "NUL", "UTF-16"]),
        ("a,b\n", ["no lines below"]),
        ("", ["empty"]),
        ("5.1,setosa\n4.9,setosa\n", ["'setosa'", "--label-column 2"]),
        ("setosa,5.1\n" * 6, ["texts that repeat", "--label-column 1"]),
    ],
)
def test_what_is_no_table_of_numbers(table, refusal, text, words):
    path = table(text)
    refusal(read_dataset, path, *words)


def test_a_line_without_an_end(table, refusal, monkeypatch):
    monkeypatch.setattr("deeptutorial.datasets.text_rows.LONGEST_LINE", 1 << 20)
    refusal(read_undivided, table("1," * (1 << 20)), "a line of more than 1 MB")


def test_wide_tables(table):
    n = 100_000
    path = table(joined([[f"g{i}" for i in range(n)], range(n), range(1, n + 1)]))
    np.testing.assert_array_equal(read_text_table(path).images[1], np.arange(1, n + 1))


def test_blocks(table, monkeypatch, refusal):
    monkeypatch.setattr("deeptutorial.datasets.text_tables.CELLS_OF_A_BLOCK", 60)
    values = np.arange(300).reshape(100, 3)
    path = table(joined([["id", *NAMES], *([f"s{i}", *row] for i, row in enumerate(values))]))
    blocks = list(text_table_in_blocks(path))
    assert [len(block.images) for block in blocks] == [20] * 5
    whole = read_text_table(path)
    np.testing.assert_array_equal(whole.images, values)
    assert whole.identifiers.tolist() == [f"s{i}" for i in range(100)]

    rows = [[f"pixel{i}" for i in range(3)], *(values % 256).tolist()]
    assert read_text_table(table(joined(rows))).images.dtype == np.uint8
    rows[-1][0] = 0.5
    refusal(read_text_table, table(joined(rows)), "begin as bytes", "rows 81 to 100")

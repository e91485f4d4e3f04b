"""A list file is read as what it says, or refused with its line."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from underwriting.screening.blocklist import load_block_list
from underwriting.screening.entries import Entry, ScreeningList
from underwriting.screening.files import ListFileError
from underwriting.screening.names import Kind
from underwriting.screening.ofac import CONSOLIDATED, load_ofac, parse_birth_date

DATA = Path(__file__).parent / "data"
HEADER = "entry_id,name,aliases,birth_date,country,reason\n"


def entries() -> dict[str, Entry]:
    return {entry.id: entry for entry in load_ofac(DATA / "ofac").entries}


def test_an_entry_has_its_names_dates_and_countries() -> None:
    entry = entries()["9001"]
    assert (entry.kind, entry.name) == (Kind.INDIVIDUAL, "VARDANIAN-KOSTIC, Miroslav Anton")
    assert entry.aliases == ("KOSTIC, Miro", "VARDANJAN, Miroslaw")
    assert [born.earliest for born in entry.birth_dates] == [date(1961, 3, 14), date(1962, 4, 3)]
    assert entry.countries == {"AL", "AT"}
    assert entry.reason == "INVENTED1"


@pytest.mark.parametrize(
    ("entry_id", "kind"),
    [("9002", Kind.INDIVIDUAL), ("9101", Kind.ENTITY), ("9201", Kind.VESSEL), ("9301", Kind.AIRCRAFT)],
)
def test_kinds_are_kept_apart(entry_id: str, kind: Kind) -> None:
    assert entries()[entry_id].kind is kind


def test_nothing_is_written_as_a_mark() -> None:
    entry = entries()["9105"]
    assert (entry.aliases, entry.birth_dates, entry.countries) == ((), (), {"VG"})


def test_a_country_with_a_comma_is_one() -> None:
    assert entries()["9003"].countries == {"KP"}


def test_weak_aliases_are_left_out() -> None:
    assert not any("CLERK" in alias for alias in entries()["9001"].aliases)


@pytest.mark.parametrize(
    ("text", "earliest", "latest"),
    [
        ("19 Jun 1951", date(1951, 6, 19), date(1951, 6, 19)),
        ("Feb 1952", date(1952, 2, 1), date(1952, 2, 29)),
        ("1951", date(1951, 1, 1), date(1951, 12, 31)),
        ("circa 1951", date(1949, 1, 1), date(1953, 12, 31)),
        ("circa 09 Mar 1951", date(1949, 1, 1), date(1953, 12, 31)),
        ("circa 1951-1955", date(1949, 1, 1), date(1957, 12, 31)),
        ("circa 1955 to circa 1957", date(1953, 1, 1), date(1959, 12, 31)),
        ("1955 to circa 1957", date(1955, 1, 1), date(1959, 12, 31)),
        ("1951 to 1953", date(1951, 1, 1), date(1953, 12, 31)),
        ("01 Jan 1951 to 31 Mar 1952", date(1951, 1, 1), date(1952, 3, 31)),
        ("Nov 1951 to Dec 1951", date(1951, 11, 1), date(1951, 12, 31)),
    ],
)
def test_birth_dates_leave_open_what_they_do_not_say(text: str, earliest: date, latest: date) -> None:
    born = parse_birth_date(text)
    assert (born.earliest, born.latest) == (earliest, latest)


@pytest.mark.parametrize("text", ["", "the fifties", "31 Feb 1951", "1953 to 1951", "19 Juin 1951", "51"])
def test_what_is_no_birth_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_birth_date(text)


def change(file: str, old: str, new: str) -> Callable[[Path], None]:
    def break_it(folder: Path) -> None:
        path = folder / file
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), "utf-8")

    return break_it


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (change("sdn.csv", "9002,", "9002,more,"), "sdn.csv:2: 13 fields instead of 12"),
        (change("sdn.csv", '"PAK, Yong-sam"', "PAK, Yong-sam"), "sdn.csv:3: 13 fields instead of 12"),
        (change("sdn.csv", "9004,", "id-9004,"), "sdn.csv:4: 'id-9004' is not an entry's number"),
        (change("sdn.csv", '"TRAORE, Bakari"', "-0- "), "sdn.csv:6: entry 9006 has no name"),
        (change("sdn.csv", "vessel", "submarine"), "sdn.csv:25: entry 9201 is a 'submarine'"),
        (change("sdn.csv", "DOB 1974;", 'DOB "1974;'), "sdn.csv:2: not a CSV record"),
        (change("alt.csv", "aka,", ""), "alt.csv:1: 4 fields instead of 5"),
        (change("alt.csv", "9010,7", "9999,7"), "alt.csv:7: a name of entry 9999, which is not in sdn.csv"),
        (change("alt.csv", '"KOSTIC, Miro"', "-0- "), "alt.csv:1: a name of entry 9001 is empty"),
        (change("add.csv", "9107,109", "Zug"), "add.csv:9: 5 fields instead of 6"),
        (lambda folder: (folder / "alt.csv").write_bytes(b""), "alt.csv:1: the file is empty"),
        (lambda folder: (folder / "alt.csv").write_bytes(b"\x1a"), "alt.csv:1: the file is empty"),
        (lambda folder: (folder / "add.csv").unlink(), "add.csv: cannot be read: No such file or directory"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(
    ofac_folder: Path, break_it: Callable[[Path], object], message: str
) -> None:
    break_it(ofac_folder)
    with pytest.raises(ListFileError) as refused:
        load_ofac(ofac_folder)
    assert message in str(refused.value)


def test_a_file_cut_off_anywhere_is_refused_or_lacks_whole_lines_only(ofac_folder: Path) -> None:
    whole = (ofac_folder / "alt.csv").read_bytes().rstrip(b"\x1a")
    for end in range(1, len(whole)):
        (ofac_folder / "alt.csv").write_bytes(whole[:end])
        if whole[end - 1 : end] == b"\n":
            load_ofac(ofac_folder)
        else:
            with pytest.raises(ListFileError, match=r"alt.csv:\d+: "):
                load_ofac(ofac_folder)


def test_entries_cut_off_between_lines_are_missed_by_their_aliases(ofac_folder: Path) -> None:
    lines = (ofac_folder / "sdn.csv").read_text("utf-8").splitlines(keepends=True)
    (ofac_folder / "sdn.csv").write_text("".join(lines[:15]), "utf-8")
    with pytest.raises(ListFileError, match=r"alt.csv:9: a name of entry 9101, which is not in sdn.csv"):
        load_ofac(ofac_folder)


def test_another_encoding_is_refused_with_the_line_of_the_first_wrong_byte(ofac_folder: Path) -> None:
    text = (ofac_folder / "sdn.csv").read_text("utf-8").replace("HERMANSSON", "HERMÅNSSON")
    (ofac_folder / "sdn.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(ListFileError, match=r"sdn.csv:15: byte 0xc5 is not UTF-8"):
        load_ofac(ofac_folder)


def test_the_same_entry_twice_is_refused(ofac_folder: Path) -> None:
    path = ofac_folder / "sdn.csv"
    first = path.read_text("utf-8").splitlines(keepends=True)[0]
    path.write_text(path.read_text("utf-8").rstrip("\x1a") + first, "utf-8")
    with pytest.raises(ListFileError, match=r"sdn.csv:28: entry 9001 appears on line 1 already"):
        load_ofac(ofac_folder)


def test_two_entries_of_one_number_are_both_kept_and_remarked_on(ofac_folder: Path) -> None:
    change("sdn.csv", "9006,", "9001,")(ofac_folder)
    loaded = load_ofac(ofac_folder)
    assert {"9001", "9001.2"} <= {entry.id for entry in loaded.entries}
    assert loaded.remarks == (f"{ofac_folder}/sdn.csv:6: entry 9001 is another one on line 1; both are kept",)


def test_an_address_of_nobody_is_remarked_on(ofac_folder: Path) -> None:
    change("add.csv", "9107,109", "9999,109")(ofac_folder)
    assert load_ofac(ofac_folder).remarks == (
        f"{ofac_folder}/add.csv:9: an address of entry 9999, which is not in sdn.csv",
    )


def test_documents_are_read_from_the_remarks() -> None:
    assert entries()["9003"].documents == {"000000001"}


def test_files_of_either_case_are_the_same_list(ofac_folder: Path) -> None:
    before = load_ofac(ofac_folder)
    for file in list(ofac_folder.iterdir()):
        file.rename(ofac_folder / file.name.upper())
    assert load_ofac(ofac_folder) == before


def test_two_files_of_one_name_are_refused(ofac_folder: Path) -> None:
    (ofac_folder / "SDN.CSV").write_bytes((ofac_folder / "sdn.csv").read_bytes())
    with pytest.raises(ListFileError, match=r"SDN.CSV and sdn.csv are both there; take the old one away"):
        load_ofac(ofac_folder)


def test_remarks_go_on_in_the_file_of_comments(ofac_folder: Path) -> None:
    """In the middle of a word, and before a blank: OFAC cuts them after 1,000 characters."""
    rest = "citizen Jordan; Gender Male; Secondary sanctions risk: section 1(b)."
    whole = f"DOB 1974; POB Basra, Iraq; nationality Iraq; {rest}"
    change("sdn.csv", whole, "nationality Iraq; DOB 19")(ofac_folder)
    comments = ofac_folder / "sdn_comments.csv"
    comments.write_text(
        '9002,"74; POB Basra, Iraq; alt. DOB 03"\n9002," May 1975; Passport X99887766 (Iraq)."\n\x1a', "utf-8"
    )
    before, entry = entries()["9002"], {entry.id: entry for entry in load_ofac(ofac_folder).entries}["9002"]
    assert [(born.earliest, born.latest) for born in entry.birth_dates] == [
        *((born.earliest, born.latest) for born in before.birth_dates),
        (date(1975, 5, 3), date(1975, 5, 3)),
    ]
    assert entry.documents == {"X99887766"}


@pytest.mark.parametrize("nothing", ["", "\x1a", "\r\n\x1a"])
def test_no_comments_are_none(ofac_folder: Path, nothing: str) -> None:
    (ofac_folder / "sdn_comments.csv").write_text(nothing, "utf-8")
    assert load_ofac(ofac_folder).entries == load_ofac(DATA / "ofac").entries


def test_comments_of_nobody_are_refused(ofac_folder: Path) -> None:
    (ofac_folder / "sdn_comments.csv").write_text('9999,"DOB 1974"\n', "utf-8")
    with pytest.raises(ListFileError, match=r"sdn_comments.csv:1: remarks of entry 9999, which is not in sdn.csv"):
        load_ofac(ofac_folder)


def test_the_consolidated_list_is_one_of_its_own(ofac_folder: Path) -> None:
    sdn = load_ofac(ofac_folder)
    for old, new in (("sdn", "CONS_PRIM"), ("alt", "CONS_ALT"), ("add", "CONS_ADD")):
        (ofac_folder / f"{old}.csv").rename(ofac_folder / f"{new}.CSV")
    loaded = load_ofac(ofac_folder, CONSOLIDATED)
    assert (loaded.name, loaded.entries) == ("ofac-consolidated", sdn.entries)


def test_a_birth_date_not_understood_loses_no_name(ofac_folder: Path) -> None:
    change("sdn.csv", "DOB 1974", "DOB the seventies")(ofac_folder)
    loaded = load_ofac(ofac_folder)
    assert next(entry for entry in loaded.entries if entry.id == "9002").birth_dates == ()
    assert "sdn.csv:2: birth date not understood: 'the seventies'" in loaded.remarks[0]


def test_line_ends_and_a_byte_order_mark_make_no_difference_but_to_the_digest(ofac_folder: Path) -> None:
    before = load_ofac(ofac_folder)
    path = ofac_folder / "sdn.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    after = load_ofac(ofac_folder)
    assert after.entries == before.entries
    assert after.digest != before.digest


def test_the_published_list_is_read_whole(ofac_list: ScreeningList) -> None:
    kinds = [entry.kind for entry in ofac_list.entries]
    assert [kinds.count(kind) for kind in Kind] == [4643, 3701, 420, 280]
    assert sum(len(entry.aliases) for entry in ofac_list.entries) == 12409
    # Every birth date is understood: what is remarked on is one number used twice, and one address of nobody.
    assert sum(len(entry.birth_dates) for entry in ofac_list.entries) == 5213
    assert [remark.split(": ")[0].rpartition("/")[2] for remark in ofac_list.remarks] == [
        "sdn.csv:9044",
        "add.csv:13625",
    ]


def test_a_block_list_names_persons_and_companies() -> None:
    krambeck, brightwell, abernathy = load_block_list(DATA / "block_list.csv").entries
    assert krambeck.aliases == ("Tilly Krambeck", "O. Krambek")
    assert (krambeck.kind, krambeck.birth_dates[0].earliest) == (Kind.INDIVIDUAL, date(1984, 2, 11))
    assert (brightwell.kind, brightwell.countries) == (None, {"GB"})
    assert abernathy.birth_dates[0].latest == date(1990, 12, 31)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1: the file is empty"),
        ("id,name\n", ":1: 2 fields instead of 6"),
        (HEADER.replace("reason", "why"), ":1: the header is entry_id,name,aliases,birth_date,country,why"),
        (HEADER, ":1: the list has no entries"),
        (HEADER + "1,Ann Low,,,,\n1,Bo Hall,,,,\n", ":3: entry 1 appears on line 2 already"),
        (HEADER + "1,,,,,\n", ":2: entry_id and name are both needed"),
        (HEADER + ",Ann Low,,,,\n", ":2: entry_id and name are both needed"),
        (HEADER + "1,Ann Low,,1984-02-30,,\n", ":2: birth_date '1984-02-30' is not a date"),
        (HEADER + "1,Ann Low,,11/02/1984,,\n", ":2: birth_date '11/02/1984' is not a date"),
        (HEADER + "1,Ann Low,,,Germany,\n", ":2: country 'Germany' is not an ISO 3166-1 code"),
        (HEADER + "1,Ann Low,,,,\n2,Bo Hall,,,", ":3: the last line has no end"),
        (HEADER + '1,"Ann Low,,,,\n2,Bo Hall,,,,\n', ":2: not a CSV record"),
    ],
)
def test_a_broken_block_list_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "block.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(ListFileError) as refused:
        load_block_list(path)
    assert f"{path}{message}" in str(refused.value)

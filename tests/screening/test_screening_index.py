"""Looking somebody up finds whom comparing with every name would find."""

from collections.abc import Callable
from datetime import date
from random import Random

import pytest

from underwriting.screening.entries import Entry, ScreeningList, Subject
from underwriting.screening.index import ListIndex
from underwriting.screening.match import compare
from underwriting.screening.names import Kind, parse_name

GREY, HIT = 0.75, 0.92


def best(index: ListIndex, name: str, kind: Kind = Kind.INDIVIDUAL, **known: object) -> tuple[str, float]:
    match = index.search(Subject(name, kind, **known), 1)[0]
    return match.entry.id, match.score


def test_a_listed_person_is_a_hit(invented: ListIndex) -> None:
    found, score = best(invented, "Faris Abd al-Karim al-Zuhayri", birth_date=date(1974, 8, 1), country="IQ")
    assert found == "9002"
    assert score >= HIT


def test_an_alias_is_as_good_as_the_name(invented: ListIndex) -> None:
    (match,) = invented.search(Subject("Miro Kostic", Kind.INDIVIDUAL), 1)
    assert (match.entry.id, match.matched.written, match.score) == ("9001", "KOSTIC, Miro", 1)


def test_a_birth_date_moves_a_like_name_over_the_thresholds(invented: ListIndex) -> None:
    """The same name: a hit with the listed birth date, to be looked at without one, nobody with quite another."""
    name = "Myroslav Antony Vardanian"
    scores = [best(invented, name, birth_date=born)[1] for born in (date(1961, 3, 14), None, date(1990, 1, 1))]
    assert scores[0] >= HIT > scores[1] >= GREY > scores[2]


def test_a_country_raises_or_lowers(invented: ListIndex) -> None:
    elsewhere, unknown, same = (best(invented, "Timofey Gryasnow", country=code)[1] for code in ("US", None, "RU"))
    assert elsewhere < unknown < same


@pytest.mark.parametrize(
    ("name", "on_list"),
    [("Bill Gryaznov", "GRYAZNOV, William"), ("William Gryaznov", "GRYAZNOV, Bill"), ("Santoso Wijaya", "SANTOSO")],
)
def test_short_forms_and_single_names_are_found_among_many(name: str, on_list: str, invented: ListIndex) -> None:
    others = [Entry(id=str(number), name=f"Gryaznov Pyotr{number} Quintanilla{number}") for number in range(200)]
    index = ListIndex({"internal": [*others, Entry(id="it", name=on_list)]})
    found, score = best(index, name)
    assert (found, score >= GREY) == ("it", True)


def test_a_person_is_never_found_as_a_company_nor_a_company_as_a_vessel(invented: ListIndex) -> None:
    assert not [found for found in invented.search(Subject("Ilinca Dragomir", Kind.ENTITY)) if found.score >= GREY]
    assert not [found for found in invented.search(Subject("Glass Petrel", Kind.ENTITY)) if found.score >= GREY]
    assert best(invented, "Glass Petrel", Kind.VESSEL) == ("9201", 1)
    assert best(invented, "Silver Tern", Kind.VESSEL) == ("9201", 1)


def test_an_entry_of_unknown_kind_is_found_as_both() -> None:
    index = ListIndex({"internal": [Entry(id="B-2", name="Brightwell Recoveries")]})
    assert best(index, "Brightwell Recoveries", Kind.ENTITY) == ("B-2", 1)
    assert best(index, "Recoveries Brightwell", Kind.INDIVIDUAL) == ("B-2", 1)


def test_a_company_called_by_a_legal_form_alone_is_found() -> None:
    index = ListIndex({"internal": [Entry(id="1", name="SPA"), Entry(id="2", name="Vardan SPA")]})
    assert best(index, "S.p.A.", Kind.ENTITY) == ("1", 1)


def test_a_match_says_why_and_refers_to_its_list(invented: ListIndex) -> None:
    subject = Subject("Viggo Hermanson", Kind.INDIVIDUAL, date(1948, 10, 8), "US")
    (match,) = invented.search(subject, 1)
    assert match.reference == "ofac:9015"
    assert match.why() == ("viggo = viggo, hermanson = hermansson (0.97); born on the same day")


def test_entries_come_once_and_best_first(invented: ListIndex) -> None:
    found = invented.search(Subject("Miroslav Anton Vardanian-Kostic", Kind.INDIVIDUAL), 10)
    assert len({match.entry.id for match in found}) == len(found)
    assert [match.score for match in found] == sorted((match.score for match in found), reverse=True)


@pytest.mark.parametrize("name", ["", "...", "Zzyzx Qwertyuiop"])
def test_a_name_like_none_is_not_found(invented: ListIndex, name: str) -> None:
    assert invented.search(Subject(name, Kind.INDIVIDUAL)) == []


def test_nobody_is_on_an_empty_list() -> None:
    assert ListIndex({}).search(Subject("Ilinca Dragomir", Kind.INDIVIDUAL)) == []


def typo(words: list[str], chance: Random) -> list[str]:
    word = chance.randrange(len(words))
    at = chance.randrange(max(1, len(words[word]) - 1))
    head, tail = words[word][:at], words[word][at:]
    changed = [head + tail[1:], head + chance.choice("aeirst") + tail, head + tail[1:2] + tail[:1] + tail[2:]]
    return [*words[:word], chance.choice(changed), *words[word + 1 :]]


def shuffled(words: list[str], chance: Random) -> list[str]:
    return chance.sample(words, len(words))


def shortened(words: list[str], chance: Random) -> list[str]:
    out = chance.randrange(len(words))
    return words if len(words) < 3 else words[:out] + words[out + 1 :]


def joined(words: list[str], chance: Random) -> list[str]:
    at = chance.randrange(max(1, len(words) - 1))
    return [*words[:at], "".join(words[at : at + 2]), *words[at + 2 :]]


def split(words: list[str], chance: Random) -> list[str]:
    longest = max(range(len(words)), key=lambda index: len(words[index]))
    at = chance.randrange(1, max(2, len(words[longest])))
    return [*words[:longest], words[longest][:at], words[longest][at:], *words[longest + 1 :]]


def respelled(words: list[str], chance: Random) -> list[str]:
    spellings = [("ou", "u"), ("kh", "h"), ("y", "i"), ("q", "k"), ("j", "dj"), ("ee", "i"), ("w", "v"), ("c", "k")]
    old, new = chance.choice(spellings)
    return [word.replace(old, new) for word in words]


def twice(words: list[str], chance: Random) -> list[str]:
    return typo(typo(words, chance), chance)


@pytest.mark.parametrize("kind", [Kind.INDIVIDUAL, Kind.ENTITY])
@pytest.mark.parametrize("change", [typo, twice, shuffled, shortened, joined, split, respelled])
def test_a_lookup_loses_no_match(
    ofac_list: ScreeningList, published: ListIndex, kind: Kind, change: Callable[[list[str], Random], list[str]]
) -> None:
    """Whatever the full comparison calls a match of an entry's own changed name is found, or a better one is."""
    chance = Random(f"{kind} {change.__name__}")
    matches = 0
    for entry in chance.sample([entry for entry in ofac_list.entries if entry.kind is kind], 25):
        words = " ".join(reversed(entry.name.lower().split(", "))).split()
        name = parse_name(" ".join(change(words, chance)), kind)
        own = max(compare(name, parse_name(listed, kind)).score for listed in (entry.name, *entry.aliases))
        if own >= GREY:
            matches += 1
            found = published.search(Subject(name.written, kind), 20)
            assert entry.id in {match.entry.id for match in found} or found[-1].score >= own, name.written
    assert matches >= 18

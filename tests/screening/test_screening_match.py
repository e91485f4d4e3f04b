"""What makes two names the same, and what keeps them apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from underwriting.screening.match import compare
from underwriting.screening.names import Kind, Role, parse_name

PERSON, COMPANY = Kind.INDIVIDUAL, Kind.ENTITY
# From here on a person looks at a match, by the shipped rulebook.
GREY = 0.75

# Words of every role and script, some of which join, shorten or respell others.
WORDS = st.one_of(
    st.sampled_from(["Maria", "José", "Núñez", "O'Neill", "al-Zuhayri", "Petrov", "Çelik", "Bilt", "Vanderbilt"]),
    st.sampled_from(["bin", "van", "der", "Dr.", "J.", "K.", "12", "II", "LLC", "Holding"]),
    st.sampled_from(["Пётр", "محمد", "习", "近", "平", "김", "Παπανδρέου", "בנימין"]),
)
NAMES = st.lists(WORDS, min_size=1, max_size=6).map(" ".join)
KINDS = st.sampled_from([PERSON, COMPANY])


def score(a: str, b: str, kind: Kind = PERSON) -> float:
    return compare(parse_name(a, kind), parse_name(b, kind)).score


@given(NAMES, NAMES, KINDS)
def test_a_score_lies_between_nought_and_one_and_is_symmetric(a: str, b: str, kind: Kind) -> None:
    assert 0 <= score(a, b, kind) <= 1
    assert score(a, b, kind) == pytest.approx(score(b, a, kind))


@given(NAMES, KINDS)
def test_a_name_is_like_itself(name: str, kind: Kind) -> None:
    assert score(name, name, kind) == 1
    assert score(name, name.upper(), kind) == 1


@given(st.permutations(["Evaristo", "Quintanilla", "Oropesa", "Calderbank"]))
def test_the_order_of_words_makes_no_difference(words: list[str]) -> None:
    assert score(" ".join(words), "Evaristo Quintanilla Oropesa Calderbank") == pytest.approx(1)


@given(st.text(max_size=40), st.text(max_size=40), KINDS)
def test_any_text_can_be_compared(a: str, b: str, kind: Kind) -> None:
    assert 0 <= score(a, b, kind) <= 1


@pytest.mark.parametrize("nothing", ["", "   ", "--", "¿?", "\u200b"])
def test_a_name_without_letters_is_like_nothing(nothing: str) -> None:
    assert score(nothing, "Ilinca Dragomir") == 0
    assert score(nothing, nothing) == 0


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Dragomir, Ilinca", "Ilinca Dragomir"),
        ("Núñez Çelik", "Nunez Celik"),
        ("Brontë Łukasz", "Bronte Lukasz"),
        ("O'Neill", "ONeill"),
        ("Jean-Claude", "Jean Claude"),
        ("Ｉｌｉｎｃａ Drag\u00adomir", "Ilinca Dragomir"),
    ],
)
def test_spelling_that_says_nothing_makes_no_difference(a: str, b: str) -> None:
    assert score(a, b) == 1


@pytest.mark.parametrize(
    ("a", "b"),
    [
        # Transliteration, of one script in several ways and of several scripts.
        ("Tchaikovsky Pyotr", "Чайковский Пётр"),
        ("Muhammad Husayn", "Mohamed Hussein"),
        ("Faris al-Zuhayri", "Fares Zouheiri"),
        ("محمد بن سلمان", "Mohammed bin Salman"),
        ("أيمن الظواهري", "Ayman al-Zawahiri"),
        ("בנימין נתניהו", "Benjamin Netanyahu"),
        ("Κυριάκος Μητσοτάκης", "Kyriakos Mitsotakis"),
        ("习近平", "Xi Jinping"),
        ("習近平", "习近平"),
        ("문재인", "Moon Jae-in"),
        ("Kim Jong-un", "Kim Cho'ng-un"),
        ("სააკაშვილი მიხეილ", "Mikheil Saakashvili"),
        # Typing errors.
        ("Timofey Gryaznov", "Timofey Gryazonv"),
        ("Timofey Gryaznov", "Timofey Gyaznov"),
        ("Timofey Gryaznov", "T1mofey Gryazn0v"),
        # Particles, titles, omissions, initials.
        ("Salim bin Harith", "Salim Harith"),
        ("Dr. Ilinca Dragomir", "Ilinca Dragomir"),
        ("Timofey Lvovich Gryaznov", "Timofey Gryaznov"),
        ("V. Hermansson", "Viggo Hermansson"),
        ("JC Hermansson", "Jean-Claude Hermansson"),
        # Words written together or apart.
        ("vanderbilt cornelius", "van der bilt cornelius"),
        ("IlincaDragomir", "Ilinca Dragomir"),
        ("Ilinca Drago mir", "Ilinca Dragomir"),
    ],
)
def test_the_same_person_is_recognised(a: str, b: str) -> None:
    assert score(a, b) >= GREY


@pytest.mark.parametrize(
    ("a", "b"),
    [
        # Another family, another given name: one word contradicts, however many agree.
        ("Jamal Sultan al-Tikriti", "Jamal Sultan al-Dulaimi"),
        ("Abdul Latif Mansur", "Abdul Latif Noori"),
        ("Kim Jong Sik", "Kim Yong Nam"),
        ("Frank Richter", "Frederik Richter"),
        # A single word of several, an initial that does not fit, a title that looks like a name.
        ("Shamsuddin", "Shamsuddin Mohammed Haqqani"),
        ("A. Hermansson", "Viggo Hermansson"),
        ("Muhammad", "Muhammad Nadir Zargari"),
        ("Drake", "Dr."),
        ("이재형", "이재명"),
        ("محمود عباس", "محمد بن سلمان"),
    ],
)
def test_another_person_is_kept_apart(a: str, b: str) -> None:
    assert score(a, b) < GREY


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Hawthorn & Vale Investments Limited", "Hawthorn and Vale Investments Ltd."),
        ("ООО «Северный Кварц»", "SEVERNY KVARTS LLC"),
        ("Siemens Aktiengesellschaft", "Siemens A.G."),
        ("Siemens Aktiengeselschaft", "Siemens AG"),
        ("Comercializadora Oropesa S.A. de C.V.", "Comercializadora Oropesa"),
        ("Brigade 44", "Brigade Forty-Four"),
        ("First Int'l Bank", "1st International Bank"),
        ("The Lantern Foundation", "Lantern Foundation"),
        ("World Health Organisation", "World Health Organization"),
        ("vanderbilt corp", "van der bilt corp"),
    ],
)
def test_the_same_company_is_recognised(a: str, b: str) -> None:
    assert score(a, b, COMPANY) >= GREY


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Volkswagen Aktiengesellschaft", "Siemens Aktiengesellschaft"),
        ("Hawthorn Holding AG", "Vardan Holding AG"),
        ("International Trading Company Ltd", "International Shipping Company Ltd"),
        ("Meridian Metals FZE", "Meridian Textiles FZE"),
        ("A. LLC", "Agrorozkvit LLC"),
    ],
)
def test_another_company_is_kept_apart(a: str, b: str) -> None:
    assert score(a, b, COMPANY) < GREY


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("Bill", "William"), ("Liz", "Elizabeth"), ("Bob", "Robert"), ("Sasha", "Aleksandr"), ("Sasha", "Alexandra"),
        ("Vova", "Volodymyr"), ("Paco", "Francisco"), ("Will", "Bill"),
    ],
)  # fmt: skip
def test_a_short_form_stands_for_its_name(short: str, full: str) -> None:
    assert 0.92 <= score(f"{short} Gryaznov", f"{full} Gryaznov") < 1


@pytest.mark.parametrize(("a", "b"), [("Bill", "Robert"), ("Bill", "Bob"), ("Dick", "William"), ("Vova", "Vladislav")])
def test_a_short_form_stands_for_no_other_name(a: str, b: str) -> None:
    assert score(f"{a} Gryaznov", f"{b} Gryaznov") < GREY


def listed(name: str, on_list: str, kind: Kind = PERSON) -> float:
    return compare(parse_name(name, kind), parse_name(on_list, kind), listed=True).score


@pytest.mark.parametrize(("name", "possible"), [
    ("Santoso", True), ("Santoso Wijaya", True), ("Wijaya Santoso", True), ("Dr. Santoso Wijaya", True),
    # Another vowel makes another name; three more words say that another is meant.
    ("Santosa Wijaya", False), ("Santoso Adi Wijaya Kusumawardhana", False), ("Adi Wijaya", False),
])  # fmt: skip
def test_a_person_listed_by_a_single_name_may_have_another(name: str, possible: bool) -> None:
    assert (listed(name, "SANTOSO") >= GREY) is possible


def test_a_single_name_of_an_applicant_is_not_all_of_a_listed_one() -> None:
    assert listed("Shamsuddin", "Shamsuddin Mohammed Haqqani") < GREY
    assert listed("Muhammad Nadir", "Muhammad") < GREY


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("Emma Daniels LLC", "EMMA LLC", False),
        ("Emma Daniels", "Emma", False),
        ("Emma Trading LLC", "EMMA LLC", True),
        ("Hawthorn Vale Maritime Holdings", "Hawthorn Vale", True),
    ],
)
def test_a_company_is_not_named_by_the_smaller_part_of_its_name(a: str, b: str, same: bool) -> None:
    assert (score(a, b, COMPANY) >= GREY) is same
    assert (listed(a, b, COMPANY) >= GREY) is same


def test_another_legal_form_costs_something() -> None:
    assert score("Vardan Handels GmbH", "Vardan Handels mbH", COMPANY) == pytest.approx(1)
    assert GREY <= score("Vardan Handels GmbH", "Vardan Handels AG", COMPANY) < 0.9


def test_more_edits_score_less() -> None:
    scores = [score("Timofey Gryaznov", name) for name in ("Timofey Gryaznov", "Timofey Gryaznow", "Timofei Griasnoff")]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == 3


@pytest.mark.parametrize(
    ("word", "kind", "role"),
    [
        ("Gryaznov", PERSON, Role.OWN),
        ("Mohamad", PERSON, Role.COMMON),
        ("bin", PERSON, Role.PARTICLE),
        ("Sheikh", PERSON, Role.TITLE),
        ("J.", PERSON, Role.INITIAL),
        ("Holding", COMPANY, Role.GENERIC),
        ("Vardan, S.A. de C.V.", COMPANY, Role.LEGAL),
        ("Вардан Общество с ограниченной ответственностью", COMPANY, Role.LEGAL),
    ],
)
def test_words_have_their_role(word: str, kind: Kind, role: Role) -> None:
    assert parse_name(word, kind).words[-1].role is role


def test_a_company_called_by_a_legal_form_alone_has_a_name_of_its_own() -> None:
    assert [word.role for word in parse_name("S.p.A.", COMPANY).words] == [Role.OWN]

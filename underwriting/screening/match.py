"""The likeness of two names, 0 to 1, symmetric, whatever their order of words, script or spelling.

Words are paired to explain as much as possible: word with word, an initial with its word, several words with a joined
one. Words left over on one side only were omitted, which costs little; words left over on both sides contradict, which
costs much: Jamal Sultan al-Tikriti is not Jamal Sultan al-Dulaimi, whatever they share.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from underwriting.screening.names import Kind, Name, Role, Script, Word
from underwriting.screening.spelling import consonant_likeness, likeness, sound_likeness

# The figures below were tuned on OFAC's own aliases against the nearest names of other entries; small changes hardly
# change the result (docs/screening.md).

# An omitted word counts this part of its weight.
OMITTED = 0.2
# A contradicting word costs this part of the score, in full from this weight on.
_CONTRADICTION = 0.3
_FULL_CONTRADICTION = 2.0
# Two legal forms of other kinds (a sister company, or a careless clerk) leave this part of the score.
_OTHER_LEGAL_FORM = 0.85
# A person is identified by one distinctive word and at least a common one. If less agrees, omitted words cost this
# part.
_NAMED = {Role.OWN: 2, Role.COMMON: 1}
_ENOUGH_NAMED = 3
_UNNAMED = 0.6
# Different legal forms are paired all the same, so that neither counts as omitted.
_SOME_LEGAL_FORM = 0.1
# Words that are omitted so often that they are paired only with their like.
_MINOR = {Role.PARTICLE, Role.TITLE}
# A person listed under one word may have other names; that word has to agree exactly.
_SAME_WORD = 0.97
# Bill is William, mostly.
SHORT_FORM = 0.95
# An initial that fits its word, or a row of initials its words.
_INITIAL = 0.9
# Two letters of a company's name are too often the initials of something.
_LEAST_INITIALS = {Kind.INDIVIDUAL: 2}
# Words written together.
_JOINED = 0.99
MOST_JOINED = 3
_LEAST_JOINED_LIKENESS = 0.8
# Only words this much longer or shorter are worth comparing with joined ones.
_JOINED_LETTERS = 3


class Pair(NamedTuple):
    """Words of one name paired with words of the other, and their likeness."""

    left: range
    right: range
    likeness: float


class Likeness(NamedTuple):
    """The likeness of two names, and the pairs of words behind it."""

    score: float
    pairs: tuple[Pair, ...]


def compare(a: Name, b: Name, *, listed: bool = False) -> Likeness:
    """Compare two names of one kind. The same words in the same order score 1, no common word 0.

    `listed`: `b` is on a list, where a single word may be all that is known of a person.
    """
    pairs = tuple(_align(a, b))
    if [word.text for word in a.words] == [word.text for word in b.words]:
        return Likeness(1.0 if pairs else 0.0, pairs)
    return Likeness(_score(a, b, pairs, is_single_word=listed and _is_one_word(b)), pairs)


def _is_one_word(name: Name) -> bool:
    own = [word for word in name.words if word.role not in _MINOR]
    return len(own) == 1 and own[0].role is Role.OWN and own[0].script is not Script.SYLLABLES


def _score(a: Name, b: Name, pairs: Sequence[Pair], *, is_single_word: bool) -> float:
    if not pairs:
        return 0.0
    weights = [(_weight(a.words, pair.left) + _weight(b.words, pair.right)) / 2 for pair in pairs]
    alike = sum(weight * pair.likeness for weight, pair in zip(weights, pairs, strict=True))
    left = _left_over(a.words, [pair.left for pair in pairs])
    right = _left_over(b.words, [pair.right for pair in pairs])
    agreed, contradicting, omitted = sum(weights), min(sum(left), sum(right)), abs(sum(left) - sum(right))
    score = alike / (agreed + contradicting + OMITTED * omitted)
    for ours, theirs in zip(left, right, strict=False):
        score *= 1 - _CONTRADICTION * min(1.0, min(ours, theirs) / _FULL_CONTRADICTION)
    if a.kind is Kind.INDIVIDUAL:
        named = _names_a_person(a, b, pairs) or (is_single_word and min(pair.likeness for pair in pairs) >= _SAME_WORD)
        return score if named else score * (1 - _UNNAMED * omitted / (omitted + agreed))
    score *= 1 - _UNNAMED * _unnamed_company(a, b, pairs)
    return score * _OTHER_LEGAL_FORM if _legal_forms_differ(a, pairs) else score


def _unnamed_company(a: Name, b: Name, pairs: Sequence[Pair]) -> float:
    """The omitted share of a company's distinctive words, if it exceeds the agreeing one; else 0."""
    left, right = sum(_own(a.words)), sum(_own(b.words))
    agreed = sum(
        (sum(_own([a.words[at] for at in pair.left])) + sum(_own([b.words[at] for at in pair.right]))) / 2
        for pair in pairs
    )
    omitted = abs(left - right)
    return omitted / (omitted + agreed) if omitted > agreed else 0.0


def _own(words: Sequence[Word]) -> Iterator[float]:
    return (word.weight for word in words if word.role is Role.OWN)


def _names_a_person(a: Name, b: Name, pairs: Sequence[Pair]) -> bool:
    named = (min(_naming(a.words, pair.left), _naming(b.words, pair.right)) for pair in pairs)
    return sum(named) >= _ENOUGH_NAMED


def _naming(words: Sequence[Word], span: range) -> int:
    return max(_NAMED.get(words[index].role, 0) for index in span)


def _legal_forms_differ(name: Name, pairs: Sequence[Pair]) -> bool:
    agreements = [pair.likeness for pair in pairs if name.words[pair.left.start].role is Role.LEGAL]
    return bool(agreements) and max(agreements) < 1


def _weight(words: Sequence[Word], span: range) -> float:
    return sum(words[index].weight for index in span)


def _left_over(words: Sequence[Word], spans: Sequence[range]) -> list[float]:
    """Weights of the words in none of `spans`, heaviest first."""
    used = {index for span in spans for index in span}
    return sorted((word.weight for index, word in enumerate(words) if index not in used), reverse=True)


def _align(a: Name, b: Name) -> Iterator[Pair]:
    """Pairs that share no word, best first."""
    pairs = [*_word_pairs(a.words, b.words), *_joined_pairs(a, b)]
    pairs += [Pair(right, left, alike) for left, right, alike in _joined_pairs(b, a)]
    free_a, free_b = set(range(len(a.words))), set(range(len(b.words)))
    for pair in sorted(pairs, key=lambda pair: _rank(a.words, b.words, pair)):
        if free_a.issuperset(pair.left) and free_b.issuperset(pair.right):
            free_a.difference_update(pair.left)
            free_b.difference_update(pair.right)
            yield pair


def _rank(a: Sequence[Word], b: Sequence[Word], pair: Pair) -> tuple[float, float, int, int]:
    """Sort key: likeness first, then weight; then the same position, symmetrically."""
    weight = _weight(a, pair.left) + _weight(b, pair.right)
    left, right = pair.left.start, pair.right.start
    return -pair.likeness, -weight, abs(left - right), left + right


def _word_pairs(a: Sequence[Word], b: Sequence[Word]) -> Iterator[Pair]:
    for i, ours in enumerate(a):
        for j, theirs in enumerate(b):
            if alike := _word_likeness(ours, theirs):
                yield Pair(range(i, i + 1), range(j, j + 1), alike)


def _word_likeness(a: Word, b: Word) -> float:
    if Role.LEGAL in {a.role, b.role}:
        same_role, same_form = a.role is b.role, a.legal == b.legal
        return float(same_role) if same_form else _SOME_LEGAL_FORM * same_role
    if a.text == b.text:
        return 1.0
    if (a.role in _MINOR) is not (b.role in _MINOR):
        return 0.0
    if Role.INITIAL in {a.role, b.role}:
        return _INITIAL if a.text[0] == b.text[0] else 0.0
    if not a.full.isdisjoint(b.full):
        return max(SHORT_FORM, _spelling_likeness(a, b))
    return _spelling_likeness(a, b)


def _spelling_likeness(a: Word, b: Word) -> float:
    scripts = {a.script, b.script}
    if scripts == {Script.SYLLABLES}:
        # Neither name was romanised: another syllable is another word.
        return 0.0
    if Script.SYLLABLES in scripts:
        # Syllables are so short and so few that one letter makes another name.
        return sound_likeness(a.text, b.text)
    if Script.ABJAD in scripts and len(scripts) > 1:
        return max(likeness(a.text, b.text), consonant_likeness(a.text, b.text))
    return likeness(a.text, b.text)


def _joined_pairs(apart: Name, together: Name) -> Iterator[Pair]:
    """Several words on the left paired with a joined word, or initials, on the right."""
    for start in range(len(apart.words) - 1):
        joined = apart.words[start].text
        for end in range(start + 1, min(start + MOST_JOINED, len(apart.words))):
            words = apart.words[start : end + 1]
            if Role.LEGAL in {words[0].role, words[-1].role}:
                break
            joined += words[-1].text
            for index, word in enumerate(together.words):
                alike = _joined_likeness(words, joined, word)
                if len(words) >= _LEAST_INITIALS.get(apart.kind, MOST_JOINED) and _are_initials(words, word):
                    alike = _INITIAL
                if alike > _LEAST_JOINED_LIKENESS:
                    yield Pair(range(start, end + 1), range(index, index + 1), alike)


def _are_initials(words: Sequence[Word], word: Word) -> bool:
    return (
        len(words) == len(word.text)
        and word.script is Script.ALPHABET
        and all(part.text[0] == letter for part, letter in zip(words, word.text, strict=True))
    )


def _joined_likeness(words: Sequence[Word], joined: str, word: Word) -> float:
    if word.role is Role.LEGAL:
        return 0.0
    if abs(len(joined) - len(word.text)) > _JOINED_LETTERS and Script.ABJAD not in {words[0].script, word.script}:
        return 0.0
    return _JOINED * _word_likeness(words[0]._replace(text=joined, role=Role.OWN), word)

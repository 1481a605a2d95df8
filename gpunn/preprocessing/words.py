"""Texts changed at random, word by word: shuffled, with synonyms, with words put in or left out.

Words are runs of letters, digits and apostrophes; punctuation and spaces stay where they are. Random choices follow from `seed`, or from
NumPy's global generator where it is None.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_SENTENCE = re.compile(r"\S.*?(?:[.!?]+(?=\s|$)|$)", re.DOTALL)
# a small table for a start; `replace_synonyms` takes the user's own, or WordNet
SYNONYMS: dict[str, tuple[str, ...]] = {
    "bad": ("poor", "awful"), "beautiful": ("lovely", "pretty"), "begin": ("start",), "big": ("large", "huge"), "buy": ("purchase",),
    "car": ("automobile",), "child": ("kid",), "clever": ("smart", "bright"), "cold": ("chilly",), "difficult": ("hard",),
    "easy": ("simple",), "end": ("finish",), "fast": ("quick", "rapid"), "film": ("movie",), "funny": ("amusing",),
    "good": ("fine", "nice"),
    "great": ("excellent", "superb"), "happy": ("glad", "cheerful"), "help": ("assist",), "house": ("home",), "job": ("work",),
    "large": ("big",), "like": ("enjoy",), "look": ("glance",), "movie": ("film",), "new": ("fresh",), "nice": ("pleasant",),
    "old": ("aged",), "quick": ("fast",), "sad": ("unhappy",), "say": ("state",), "show": ("display",), "small": ("little", "tiny"),
    "smart": ("clever",), "start": ("begin",), "street": ("road",), "strong": ("powerful",), "talk": ("speak",), "terrible": ("awful",),
    "think": ("believe",), "very": ("extremely",), "walk": ("stroll",), "wonderful": ("marvelous",),
}  # fmt: skip
Synonyms = Mapping[str, Sequence[str]] | Callable[[str], Sequence[str]] | None


def shuffle_words(text: str, p: float = 1.0, seed: int | None = None) -> str:
    """The words of a text in another order: each takes part with probability p, those that do change places among themselves."""
    _checked(text, p)
    rng, places = _generator(seed), [m.span() for m in _WORD.finditer(text)]
    moving = [i for i in range(len(places)) if rng.random() < p]
    words = [text[a:b] for a, b in places]
    for i, j in zip(moving, rng.permutation(moving), strict=True):
        words[i] = text[slice(*places[j])]
    return _replaced(text, places, words)


def shuffle_sentences(text: str, seed: int | None = None) -> str:
    """The sentences of a text (up to . ! or ?) in another order."""
    of_text(text)
    sentences = [m.group(0) for m in _SENTENCE.finditer(text)]
    return " ".join(sentences[i] for i in _generator(seed).permutation(len(sentences)))


def replace_synonyms(text: str, p: float = 0.3, synonyms: Synonyms = None, seed: int | None = None) -> str:
    """Each word that has synonyms is replaced by one of them with probability p; a capital at its beginning stays.

    synonyms: a table ``{word: [synonym, ...]}``, a function of a word such as `wordnet_synonyms`, or None for a small table of 40 English
    words. A synonym fits the word, not always the sentence.
    """
    _checked(text, p)
    rng, find = _generator(seed), _finder(synonyms)
    places = [m.span() for m in _WORD.finditer(text)]
    words = []
    for a, b in places:
        word = text[a:b]
        found = list(find(word.lower())) if rng.random() < p else []
        new = str(found[rng.integers(len(found))]) if found else word
        words.append(new[:1].upper() + new[1:] if word[:1].isupper() else new)
    return _replaced(text, places, words)


def insert_words(
    text: str, p: float = 0.1, words: Sequence[str] | None = None, synonyms: Synonyms = None, seed: int | None = None
) -> str:
    """Behind each word, with probability p, one more: one of `words`, or (Wei & Zou 2019) a synonym of a word of the text, or where there
    is none a word of the text itself."""
    _checked(text, p)
    rng, places = _generator(seed), [m.span() for m in _WORD.finditer(text)]
    own = [text[a:b] for a, b in places]
    find = _finder(synonyms)
    known = list(words) if words is not None else [s for w in own for s in find(w.lower())] or [w.lower() for w in own]
    if not known:
        return text
    return _replaced(text, places, [f"{w} {known[rng.integers(len(known))]}" if rng.random() < p else w for w in own])


def delete_words(text: str, p: float = 0.1, seed: int | None = None) -> str:
    """Each word is left out with probability p; one at least stays."""
    _checked(text, p)
    rng, places = _generator(seed), [m.span() for m in _WORD.finditer(text)]
    kept = rng.random(len(places)) >= p
    if places and not kept.any():
        kept[rng.integers(len(places))] = True
    out = _replaced(text, places, [text[a:b] if stays else "" for (a, b), stays in zip(places, kept, strict=True)])
    return re.sub(r"\s+([,.;:!?])", r"\1", re.sub(r"[^\S\n]{2,}", " ", out)).strip()


def wordnet_synonyms(word: str) -> list[str]:
    """Synonyms of an English word from WordNet, through nltk. Raises RuntimeError saying what to install where one of them is missing."""
    try:
        from nltk.corpus import wordnet

        sets = wordnet.synsets(word)
    except ImportError as error:
        raise RuntimeError('WordNet is read through nltk, which is not installed: pip install "gpunn[text]"') from error
    except LookupError as error:
        raise RuntimeError("nltk has no WordNet here. It is downloaded once by: python -m nltk.downloader wordnet") from error
    names = (name.replace("_", " ") for found in sets for name in found.lemma_names())
    return list(dict.fromkeys(name for name in names if name.lower() != word.lower()))


def _finder(synonyms: Synonyms) -> Callable[[str], Sequence[str]]:
    if callable(synonyms):
        return synonyms
    table: Mapping[str, Sequence[str]] = SYNONYMS if synonyms is None else synonyms
    return lambda word: table.get(word, ())


def _replaced(text: str, places: list[tuple[int, int]], words: list[str]) -> str:
    """The text with other words in these places."""
    out, at = [], 0
    for (a, b), word in zip(places, words, strict=True):
        out += [text[at:a], word]
        at = b
    return "".join([*out, text[at:]])


def of_text(value: Any, name: str = "text") -> None:
    """Raises ValueError for what is no text."""
    if not isinstance(value, str):
        raise ValueError(f"Argument {name}: expected a text, a str. Received: {value!r} of type {type(value).__name__}.")


def _checked(text: Any, p: Any) -> None:
    of_text(text)
    if isinstance(p, bool) or not isinstance(p, (int, float)) or not 0 <= p <= 1:
        raise ValueError(f"Argument p: expected a probability from 0 to 1. Received: {p!r}.")


def _generator(seed: int | None) -> Any:
    return np.random.default_rng(np.random.randint(2**31) if seed is None else seed)

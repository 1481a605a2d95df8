"""Simple English sentences turned from active to passive and back, by rules.

What is understood: ``subject verb object`` where the subject is a pronoun, a name, or an article or possessive with adjectives and a noun;
the verb is in the past (regular, or one of `IRREGULAR`) or in the present with -s; the object begins with an article, a possessive, a
pronoun, a name or a number and ends the sentence. And ``subject was/were/is/are participle by agent``. Everything else, questions,
negations, further clauses, comes back as it was: there is no parser behind this.
"""

import re

from gpunn.preprocessing.words import of_text

# past -> participle, of verbs that take an object
IRREGULAR = {
    "ate": "eaten", "beat": "beaten", "bit": "bitten", "blew": "blown", "bought": "bought", "broke": "broken", "brought": "brought",
    "built": "built", "caught": "caught", "chose": "chosen", "cut": "cut", "did": "done", "drank": "drunk", "drew": "drawn",
    "drove": "driven", "felt": "felt", "fed": "fed", "forgot": "forgotten", "fought": "fought", "found": "found", "gave": "given",
    "grew": "grown", "heard": "heard", "held": "held", "hid": "hidden", "hit": "hit", "hurt": "hurt", "kept": "kept", "knew": "known",
    "led": "led", "left": "left", "lost": "lost", "made": "made", "met": "met", "paid": "paid", "read": "read", "rode": "ridden",
    "said": "said", "sang": "sung", "saw": "seen", "sent": "sent", "shook": "shaken", "shot": "shot", "showed": "shown", "sold": "sold",
    "stole": "stolen", "taught": "taught", "threw": "thrown", "told": "told", "took": "taken", "understood": "understood", "wore": "worn",
    "won": "won", "wrote": "written",
}  # fmt: skip
PAST = {participle: past for past, participle in IRREGULAR.items()}
OBJECT = {"i": "me", "he": "him", "she": "her", "we": "us", "they": "them", "you": "you", "it": "it"}
SUBJECT = {form: pronoun for pronoun, form in OBJECT.items()}
DETERMINERS = frozenset("a an the this that these those my your his her its our their some many two three four five".split())
PLURALS = frozenset("these those many two three four five we they us them you".split())
NO_VERBS = frozenset("red need bed indeed hundred sacred naked tired kindred".split())
_WORD = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*")


def paraphrase(sentence: str) -> str:
    """The sentence in the passive, or in the active where it was passive; as it was where the rules above do not fit."""
    of_text(sentence, "sentence")
    match = re.fullmatch(r"\s*([^.!?,;:]+?)\s*([.!]?)\s*", sentence)
    words = match.group(1).split() if match else []
    if match is None or len(words) < 3 or not all(_WORD.fullmatch(w) for w in words):
        return sentence
    turned = _to_active(words) or _to_passive(words)
    return sentence if turned is None else _sentence(turned) + match.group(2)


def _to_passive(words: list[str]) -> list[str] | None:
    for at in range(1, len(words) - 1):
        participle, present = _participle(words[at])
        subject, thing = words[:at], words[at + 1 :]
        if participle is None or not _is_phrase(subject, first=True) or not _is_phrase(thing):
            continue
        one = not _plural(thing)
        helper = ("is" if one else "are") if present else ("was" if one else "were")
        pronoun = SUBJECT.get(thing[0].lower()) if len(thing) == 1 else None
        if pronoun == "i":
            helper = "am" if present else "was"
        return [*([pronoun] if pronoun else thing), helper, participle, "by", *_as_object(subject)]
    return None


def _to_active(words: list[str]) -> list[str] | None:
    lower = [w.lower() for w in words]
    for at in range(1, len(words) - 3):
        if lower[at] in ("was", "were", "is", "are", "am") and lower[at + 2] == "by":
            subject, agent = words[:at], words[at + 3 :]
            verb = PAST.get(lower[at + 1], lower[at + 1] if lower[at + 1].endswith("ed") else None)
            if verb is None or not _is_phrase(subject, first=True) or not _is_phrase(agent):
                return None
            pronoun = SUBJECT.get(agent[0].lower()) if len(agent) == 1 else None
            if lower[at] in ("is", "are", "am"):
                return None  # the present form of the verb is not known
            return [*([pronoun] if pronoun else agent), verb, *_as_object(subject)]
    return None


def _participle(word: str) -> tuple[str | None, bool]:
    """(participle, whether the word is in the present) of a verb; None for what is none that is known."""
    low = word.lower()
    if word != low or low in NO_VERBS:
        return None, False
    if low in IRREGULAR:
        return IRREGULAR[low], False
    if low.endswith("ed") and len(low) > 3:
        return low, False
    if low.endswith("s") and len(low) > 3 and not low.endswith("ss"):
        stem = low[:-3] + "y" if low.endswith("ies") else low[:-2] if low.endswith(("ches", "shes", "sses", "xes")) else low[:-1]
        if stem in REGULAR:
            if stem.endswith("y") and stem[-2] not in "aeou":
                return stem[:-1] + "ied", True
            return stem + ("d" if stem.endswith("e") else "ed"), True
    return None, False


# verbs whose present is known, all regular
REGULAR = frozenset(
    "accept admire answer attack bake believe borrow call carry chase clean close collect cook cover cross describe design destroy "
    "develop discover enjoy explain fix follow guard help invent invite kick kiss like love mend move name open paint play praise "
    "protect pull push reach repair report save serve study support surprise touch train trust use visit want warn wash watch".split()
)


def _is_phrase(words: list[str], first: bool = False) -> bool:
    """Whether the words may be a subject or an object: a pronoun, a name, or what begins with an article or the like. `first`: they begin
    the sentence, where a capital does not make a name of a single word that is none."""
    low = [w.lower() for w in words]
    if len(words) == 1:
        return low[0] in OBJECT or low[0] in SUBJECT or (words[0][0].isupper() and low[0] not in DETERMINERS)
    if low[0] in DETERMINERS:
        return len(words) <= 5 and not any(w in OBJECT or _participle(w)[0] for w in words[1:])
    return all(w[0].isupper() for w in words)


def _plural(words: list[str]) -> bool:
    low = [w.lower() for w in words]
    last = low[-1]
    ends = last.endswith("s") and not last.endswith(("ss", "us", "is"))
    return bool(PLURALS & set(low)) or (len(low) > 1 and ends and low[0] not in ("a", "an"))


def _as_object(words: list[str]) -> list[str]:
    if len(words) == 1 and words[0].lower() in OBJECT:
        return [OBJECT[words[0].lower()]]
    return [words[0].lower() if words[0].lower() in DETERMINERS else words[0], *words[1:]]


def _sentence(words: list[str]) -> str:
    words = ["I" if w == "i" else w for w in words]
    return " ".join([words[0][0].upper() + words[0][1:], *words[1:]])

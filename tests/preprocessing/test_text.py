"""Texts: TextVectorization, the older Tokenizer against Keras's, random changes, paraphrases."""

import collections
import re
import sys

import numpy as np
import pytest

from gpunn import Input, layers
from gpunn.models import Model, Sequential, load_model
from gpunn.preprocessing import text
from gpunn.preprocessing.words import SYNONYMS
from gpunn.utils.dataset import Dataset

TEXTS = ["The cat sat on the mat.", "The dog sat; the cat ran!", "a mat, a mat"]


# ------------------------------------------------------------------ TextVectorization
def test_examples_of_keras():
    """From the text of Keras's layer (which needs TensorFlow to run)."""
    layer = layers.TextVectorization(max_tokens=5000, output_mode="int", output_sequence_length=4)
    layer.adapt(["foo bar", "bar baz", "baz bada boom"])
    np.testing.assert_array_equal(layer([["foo qux bar"], ["qux baz"]]), [[4, 1, 3, 0], [1, 2, 0, 0]])
    assert layer.get_vocabulary() == ["", "[UNK]", "baz", "bar", "foo", "boom", "bada"]
    given = layers.TextVectorization(max_tokens=5000, output_sequence_length=4, vocabulary=["earth", "wind", "and", "fire"])
    assert given.get_vocabulary() == ["", "[UNK]", "earth", "wind", "and", "fire"] and given.vocabulary_size() == 6


def test_modes():
    make = lambda mode, **o: layers.TextVectorization(output_mode=mode, vocabulary=["cat", "mat", "the"], **o)  # noqa: E731
    np.testing.assert_array_equal(make("count")(TEXTS), [[2, 1, 1, 2], [3, 1, 0, 2], [2, 0, 2, 0]])
    np.testing.assert_array_equal(make("multi_hot")(TEXTS), [[1, 1, 1, 1], [1, 1, 0, 1], [1, 0, 1, 0]])
    np.testing.assert_array_equal(make("binary", max_tokens=6, pad_to_max_tokens=True)(TEXTS[2:]), [[1, 0, 1, 0, 0, 0]])
    np.testing.assert_array_equal(make("int")(np.array(TEXTS))[2], [1, 3, 1, 3, 0, 0])
    weighed = make("tf_idf", idf_weights=[0.5, 2.0, 0.2])
    np.testing.assert_allclose(weighed(TEXTS[:1]), [[2 * 0.9, 0.5, 2.0, 0.4]], rtol=1e-6)
    learned = layers.TextVectorization(output_mode="tf_idf")
    learned.adapt(TEXTS)
    place = learned.get_vocabulary().index("the")
    assert learned(TEXTS)[0, place] == pytest.approx(2 * np.log(1 + 3 / (1 + 2)))


def test_unknown_words_have_a_weight_of_their_own():
    layer = layers.TextVectorization(vocabulary=["[UNK]", "a", "b"], idf_weights=[0.9, 0.25, 0.75], output_mode="tf_idf")
    for same in (layer, layers.TextVectorization.from_config(layer.get_config())):
        np.testing.assert_allclose(same(["a x x", "b b"]), [[1.8, 0.25, 0], [0, 0, 1.5]])


@pytest.mark.parametrize("mode", ["count", "multi_hot"])
def test_an_empty_text_is_no_unknown_word(mode):
    layer = layers.TextVectorization(vocabulary=["a"], split=None, output_mode=mode)
    np.testing.assert_array_equal(layer(["a", "", "x"]), [[0, 1], [0, 0], [1, 0]])


def test_standards_splits_and_ngrams():
    tokens = lambda given, **o: layers.TextVectorization(**o).tokens(given)  # noqa: E731
    assert tokens("Don't  Stop-it!\n") == ["dont", "stopit"]
    assert tokens("Don't", standardize="lower") == ["don't"] and tokens("Don't", standardize="strip_punctuation") == ["Dont"]
    assert tokens("A b", standardize=None, split="character") == ["A", " ", "b"] and tokens("a b", split=None) == ["a b"]
    assert tokens("a b c", ngrams=2) == ["a", "b", "c", "a b", "b c"] and tokens("a b c", ngrams=(3,)) == ["a b c"]
    assert tokens("A-B", standardize=np.char.lower, split=lambda rows: [r.split("-") for r in rows]) == ["a", "b"]
    limited = layers.TextVectorization(max_tokens=4)
    limited.adapt(iter([TEXTS[:2], TEXTS[2:]]))
    assert limited.get_vocabulary() == ["", "[UNK]", "the", "mat"]


def test_vocabulary_from_a_file_and_bytes(tmp_path):
    (tmp_path / "words.txt").write_text("cat\nmat\n")
    layer = layers.TextVectorization(vocabulary=str(tmp_path / "words.txt"))
    np.testing.assert_array_equal(layer(np.array([b"mat cat", b"dog"])), [[3, 2], [1, 0]])
    np.testing.assert_array_equal(layer(np.array([[1, 2]])), [[1, 2]])


def test_a_model_trains_on_raw_strings(cpu, tmp_path):
    good, bad = ["what a fine film", "a lovely story", "good fun"], ["a poor film", "awful story", "bad and dull"]
    x, y = np.array((good + bad) * 8), np.array([1, 1, 1, 0, 0, 0] * 8)
    for options in ({"output_mode": "tf_idf"}, {"output_mode": "int", "output_sequence_length": 5}):
        vectors = layers.TextVectorization(max_tokens=30, **options)
        vectors.adapt(x)
        model = Sequential([vectors, layers.Dense(8, "relu"), layers.Dense(1, "sigmoid")])
        model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
        model.fit(x, y, epochs=60, batch_size=8, verbose=0, validation_split=0.25)
        model.fit(list(x), y, epochs=1, verbose=0, validation_data=(x[:5], y[:5]))
        assert model.evaluate(x, y, verbose=0)[1] > 0.9 or options["output_mode"] == "int"
        model.save(tmp_path / "m.npz")
        np.testing.assert_array_equal(load_model(tmp_path / "m.npz").predict(x[:3], verbose=0), model.predict(list(x[:3]), verbose=0))

    def batches():
        while True:
            yield x[:8], y[:8]

    model.fit(batches(), steps_per_epoch=2, epochs=1, verbose=0)


@pytest.mark.parametrize("mode", ["int", "count"])
@pytest.mark.parametrize("given", [list, dict])
def test_texts_beside_numbers(cpu, mode, given, tmp_path):
    """As Keras's guides make such a model: an Input of type "string", one of several."""
    x, y = np.array(["one two three", "two four", "one", "six"] * 6), np.array([1, 0, 1, 0] * 6)
    numbers = np.linspace(-1, 1, 48).reshape(24, 2)
    vectors = layers.TextVectorization(output_mode=mode, output_sequence_length=4 if mode == "int" else None)
    vectors.adapt(x)
    words, table = Input((1,), dtype="string", name="words"), Input((2,), name="table")
    tokens = vectors(words)
    assert tokens.shape == ((None, 4) if mode == "int" else (None, 6))
    hidden = layers.Dense(3)(tokens) if mode == "count" else layers.GRU(3)(layers.Embedding(7, 3, mask_zero=True)(tokens))
    model = Model([words, table], layers.Dense(1, "sigmoid")(layers.Concatenate()([hidden, table])))
    model.compile("adam", "binary_crossentropy")
    for texts in (x, x.tolist(), x.reshape(-1, 1)):
        both = [texts, numbers] if given is list else {"table": numbers, "words": texts}
        model.fit(both, y, epochs=2, batch_size=8, verbose=0, validation_data=(both, y))
    assert model.predict(both, verbose=0).shape == (24, 1)
    ready = [vectors(x), numbers] if given is list else {"words": vectors(x), "table": numbers}
    np.testing.assert_array_equal(model.predict(ready, verbose=0), model.predict(both, verbose=0))
    model.save(tmp_path / "m.keras")
    np.testing.assert_array_equal(load_model(tmp_path / "m.keras").predict(both, verbose=0), model.predict(both, verbose=0))


@pytest.mark.parametrize("built", [False, True])
@pytest.mark.parametrize("functional", [False, True])
def test_more_words_than_the_embedding_has_rows(cpu, built, functional, tmp_path):
    """A clear error, before anything changes, where words would silently share a row; and no error where all fit."""
    x, y = np.array(["one two three", "two four"] * 4), np.array([1, 0] * 4)
    vectors = layers.TextVectorization(output_sequence_length=4)
    vectors.adapt(x)

    def model(rows):
        stack = [vectors, layers.Embedding(rows, 3, mask_zero=True), layers.LSTM(4), layers.Dense(1, "sigmoid")]
        if functional:
            first = out = Input((1,), dtype="string")
            for layer in stack:
                out = layer(out)
            made = Model(first, out)
        else:
            made = Sequential([Input((1,), dtype="string"), *stack] if built else stack)
        made.compile("adam", "binary_crossentropy")
        return made

    small, large = model(5), model(6)
    assert np.isfinite(large.fit(x, y, verbose=0).history["loss"][0])
    large.save(tmp_path / "m.keras")
    np.testing.assert_array_equal(load_model(tmp_path / "m.keras").predict(x, verbose=0), large.predict(x, verbose=0))
    for call in (lambda: small.fit(x, y, verbose=0), lambda: small.predict(x, verbose=0)):
        with pytest.raises(ValueError, match=r"layer 'embedding.*': expected tokens that are integers from 0 to 4. Received: 5.0 at \["):
            call()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.TextVectorization(output_mode="one"), "output_mode must be one of"),
        (lambda: layers.TextVectorization(standardize="upper"), "standardize must be one of"),
        (lambda: layers.TextVectorization(ngrams=0), "ngrams must be"),
        (lambda: layers.TextVectorization(max_tokens=1), "max_tokens must be an integer above 1"),
        (lambda: layers.TextVectorization(output_mode="count", output_sequence_length=3), "output_sequence_length must be None"),
        (lambda: layers.TextVectorization(ragged=True), "outputs are dense"),
        (lambda: layers.TextVectorization(vocabulary=["a", "a"]), r"every word of the vocabulary once.*Received: \['a'\]"),
        (lambda: layers.TextVectorization(vocabulary=["a", "b"], max_tokens=3), "expected at most 1 words. Received: 2"),
        (lambda: layers.TextVectorization(vocabulary=["a"], output_mode="tf_idf"), "expected idf_weights"),
        (lambda: layers.TextVectorization()(["a"]), "has no vocabulary: call adapt"),
        (lambda: layers.TextVectorization(vocabulary=["a"]).adapt(["b"]), "a vocabulary was given"),
        (lambda: layers.TextVectorization().adapt([]), "at least one text"),
        (lambda: layers.TextVectorization(vocabulary=["a"])([["a", "b"]]), r"expected texts, \(rows,\) or \(rows, 1\)"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# ------------------------------------------------------------------ the older Tokenizer
def test_tokenizer_is_keras():
    import keras_twin  # noqa: F401  sets Keras's backend
    from keras.src.legacy.preprocessing import text as legacy

    for options in ({}, {"num_words": 4}, {"oov_token": "?"}, {"num_words": 5, "oov_token": "?", "lower": False}, {"char_level": True}):
        ours, theirs = text.Tokenizer(**options), legacy.Tokenizer(**options)
        ours.fit_on_texts(TEXTS), theirs.fit_on_texts(TEXTS)
        assert ours.word_index == theirs.word_index and dict(ours.word_docs) == dict(theirs.word_docs)
        more = [*TEXTS, "the new cat"]
        assert ours.texts_to_sequences(more) == theirs.texts_to_sequences(more)
        assert ours.sequences_to_texts(ours.texts_to_sequences(more)) == theirs.sequences_to_texts(theirs.texts_to_sequences(more))
        for mode in ("binary", "count", "freq", "tfidf"):
            np.testing.assert_allclose(ours.texts_to_matrix(more, mode), theirs.texts_to_matrix(more, mode))
    assert text.text_to_word_sequence("A b,c!") == legacy.text_to_word_sequence("A b,c!") == ["a", "b", "c"]
    assert text.hashing_trick("a b a", 100) == legacy.hashing_trick("a b a", 100, "md5") and len(text.one_hot("a b a", 9)) == 3
    with pytest.raises(ValueError, match="expected 'binary', 'count', 'freq' or 'tfidf'"):
        ours.texts_to_matrix(TEXTS, "rank")
    with pytest.raises(ValueError, match="fit_on_texts"):
        text.Tokenizer().texts_to_matrix(TEXTS)


# ------------------------------------------------------------------ texts changed at random
LONG = "The quick fox saw a big house. It was very happy! Did the old car start? Nobody knows, it's late."


def words(given):
    return re.findall(r"[\w'’]+", given)


def test_shuffling():
    out = text.shuffle_words(LONG, seed=1)
    assert out != LONG and sorted(words(out)) == sorted(words(LONG)) and re.sub(r"[\w']+", "", out) == re.sub(r"[\w']+", "", LONG)
    assert text.shuffle_words(LONG, 0.0) == LONG and text.shuffle_words(LONG, seed=1) == out
    some = text.shuffle_words(LONG, 0.3, seed=2)
    assert 0 < sum(a != b for a, b in zip(words(some), words(LONG), strict=True)) < 12
    sentences = [text.shuffle_sentences(LONG, seed=s) for s in range(30)]
    parts = ["The quick fox saw a big house.", "It was very happy!", "Did the old car start?", "Nobody knows, it's late."]
    assert len(set(sentences)) > 10 and all(sorted(re.split(r"(?<=[.!?]) ", s)) == sorted(parts) for s in sentences)


def test_synonyms():
    assert text.replace_synonyms(LONG, 0.0, seed=1) == LONG
    out = text.replace_synonyms(LONG, 1.0, seed=1)
    changed = [(a, b) for a, b in zip(words(LONG), words(out), strict=True) if a != b]
    assert len(changed) == 8 and all(b in SYNONYMS[a] for a, b in changed), changed
    assert text.replace_synonyms("Cats purr, cats.", 1.0, {"cats": ["felines"]}) == "Felines purr, felines."
    assert text.replace_synonyms("a b", 1.0, lambda w: [w * 2]) == "aa bb"
    counts = collections.Counter(text.replace_synonyms("good", 0.5, seed=s) for s in range(600))
    assert set(counts) == {"good", "fine", "nice"} and abs(counts["good"] - 300) < 60


def test_insertion_and_deletion():
    grown = [len(words(text.insert_words(LONG, 0.25, seed=s))) - len(words(LONG)) for s in range(200)]
    assert min(grown) >= 0 and abs(np.mean(grown) - 0.25 * len(words(LONG))) < 0.5
    assert text.insert_words("one two", 1.0, ["x"]) == "one x two x" and text.insert_words("", 1.0) == ""
    shorter = [len(words(text.delete_words(LONG, 0.25, seed=s))) for s in range(200)]
    assert abs(np.mean(shorter) - 0.75 * len(words(LONG))) < 0.5
    assert len(words(text.delete_words(LONG, 1.0, seed=1))) == 1 and text.delete_words(LONG, 0.0) == LONG
    assert "  " not in text.delete_words(LONG, 0.5, seed=3) and " ." not in text.delete_words(LONG, 0.5, seed=3)
    for function in (text.shuffle_words, text.replace_synonyms, text.insert_words, text.delete_words):
        with pytest.raises(ValueError, match=r"p: expected a probability from 0 to 1\. Received: 1\.5"):
            function(LONG, 1.5)
    for name in ("shuffle_words", "shuffle_sentences", "replace_synonyms", "insert_words", "delete_words", "paraphrase"):
        with pytest.raises(ValueError, match=r"expected a text, a str\. Received: \['a b'\] of type list"):
            getattr(text, name)(["a b"])


def test_wordnet(monkeypatch):
    corpus = pytest.importorskip("nltk.corpus")
    try:
        corpus.wordnet.synsets("dog")
    except LookupError:
        with pytest.raises(RuntimeError, match=r"python -m nltk\.downloader wordnet"):
            text.wordnet_synonyms("dog")
    group = type("Group", (), {"lemma_names": lambda self: ["dog", "hound", "barking_dog", "hound"]})()
    fake = type("Net", (), {"synsets": staticmethod(lambda word: [group])})
    monkeypatch.setattr(corpus, "wordnet", fake)
    assert text.wordnet_synonyms("Dog") == ["hound", "barking dog"]
    assert text.replace_synonyms("dog", 1.0, text.wordnet_synonyms, seed=1) in ("hound", "barking dog")
    monkeypatch.setitem(sys.modules, "nltk.corpus", None)
    with pytest.raises(RuntimeError, match=r'pip install "gpunn\[text\]"'):
        text.wordnet_synonyms("dog")


@pytest.mark.parametrize(
    ("active", "passive"),
    [
        ("The cat chased the mouse.", "The mouse was chased by the cat."),
        ("She wrote the letter.", "The letter was written by her."),
        ("My brother broke two old windows.", "Two old windows were broken by my brother."),
        ("Anna saw him!", "He was seen by Anna!"),
        ("They took me", "I was taken by them"),
    ],
)
def test_paraphrase_turns_sentences_and_back(active, passive):
    assert text.paraphrase(active) == passive
    assert text.paraphrase(passive) == active


def test_paraphrase_of_the_present_and_what_is_left_alone():
    assert text.paraphrase("The dog carries the ball.") == "The ball is carried by the dog."
    assert text.paraphrase("A teacher explains these rules.") == "These rules are explained by a teacher."
    for sentence in (
        "It rains.", "The cat sleeps on the mat.", "Did the cat chase the mouse?", "The cat, which sat there, chased the mouse.",
        "The cat did not see the mouse.", "He was tired by then", "The ball is kicked by the boy.", "", "Red cars need paint.",
    ):  # fmt: skip
        assert text.paraphrase(sentence) == sentence


def test_texts_of_any_length_in_a_model(cpu):
    """Keras's Sequential of TextVectorization, Embedding with mask_zero and a recurrent layer, of texts as they come."""
    texts = np.array(["a b c d e", "b", "c a", "d d d", "e", "a c"])
    y = np.array([0, 1, 0, 1, 1, 0])
    layer = layers.TextVectorization(max_tokens=10)
    layer.adapt(texts)
    assert layer(["b a"]).shape == (1, 2), "called by itself it is as long as the longest text given"
    model = Sequential([layer, layers.Embedding(10, 4, mask_zero=True), layers.GRU(3), layers.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy")
    model.fit(texts, y, epochs=2, verbose=0)
    batches = Dataset.from_tensor_slices((texts, y)).batch(2)
    model.fit(batches, epochs=1, validation_data=batches, verbose=0)
    assert model.evaluate(batches, verbose=0) == pytest.approx(model.evaluate(texts, y, verbose=0), rel=1e-5)
    whole = model.predict(texts, verbose=0)
    np.testing.assert_allclose(model.predict(texts[1:3], verbose=0), whole[1:3], rtol=1e-5)
    np.testing.assert_allclose(model.predict(np.append(texts, "a b c d e a b c"), verbose=0)[:6], whole, rtol=1e-5)


def test_one_text_gives_one_row():
    layer = layers.TextVectorization(vocabulary=["a", "b"], output_sequence_length=3)
    np.testing.assert_array_equal(layer("b a"), [3, 2, 0])
    np.testing.assert_array_equal(layer(["b a"]), [[3, 2, 0]])

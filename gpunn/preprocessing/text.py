"""Texts: words as numbers, and texts changed at random for training."""

from gpunn.preprocessing.paraphrase import paraphrase
from gpunn.preprocessing.tokens import Tokenizer, hashing_trick, one_hot, text_to_word_sequence
from gpunn.preprocessing.words import (
    delete_words,
    insert_words,
    replace_synonyms,
    shuffle_sentences,
    shuffle_words,
    wordnet_synonyms,
)

__all__ = [
    "Tokenizer", "delete_words", "hashing_trick", "insert_words", "one_hot", "paraphrase", "replace_synonyms", "shuffle_sentences",
    "shuffle_words", "text_to_word_sequence", "wordnet_synonyms",
]  # fmt: skip

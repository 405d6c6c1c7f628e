"""The reader of sentences: what a sentence names, how many, and what lies how to what.

Begin with `sentence_reader`. The word lists are in `words`, one entry a line.

    sentence_reader     The reader of sentences: English to things, numbers, relations and ground
    clause_reader       Clauses: which of the things of a sentence lies how to which other
    discourse           Discourse: the things named so far, for verbs and pronouns
    relation_kinds      The kinds of relations that phrases make, by what the things are
    ground              The ground of a picture: what is said of place, time and weather
    scenery             Scenery that is drawn as things beside the painted ground
    lookahead           Lookahead: the words that come next, where they decide
    noun_phrases        Noun phrases: a thing, its attributes and how many there are
    phrase_words        The words of a noun phrase: determiners, numbers, attributes and nouns
    number_comparisons  Comparisons of numbers: "more cats than dogs"
    unread              Prompts that look like several things, where none is understood
    style               The style of a sentence: words at its edges about the whole picture
    vocabulary          The words that the reader of sentences knows, from the lists in `words`
"""

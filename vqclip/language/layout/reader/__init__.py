"""The reader of sentences: what a sentence names, how many, and what lies how to what.

Begin with `sentence_reader`. The word lists are in `words`, one entry a line.

    sentence_reader     The reader of sentences: English to things, numbers, relations and ground
    clause_reader       Clauses: which of the things of a sentence lies how to which other
    noun_phrases        Noun phrases: a thing, its attributes and how many there are
    number_comparisons  Comparisons of numbers: "more cats than dogs"
    style               The style of a sentence: words at its edges about the whole picture
    vocabulary          The words that the reader of sentences knows, from the lists in `words`
"""

"""The languages that an artist types: prompts, templates, schedules and expressions.

Begin with `prompts`.

    prompts           The prompt language: parsing, checking and printing prompts
    lexer             The lexer of prompts: which characters are signs and which are text
    prompt_types      The parsed prompt, as dataclasses
    json_reader       JSON as people write it, for structured prompts
    prompt_parser     The parser of one part of a prompt
    lookalikes        Hints about signs that may be read in another way than they were meant
    structured        Structured prompts, in JSON or YAML
    prompt_templates  Prompt templates: `a {red|blue} fox`, one text for several prompts
    assets            The search path for pictures, masks, learnt words and directions
    functions         Functions and variables of expressions, with the bounds of their values
    expressions       Arithmetic expressions over time: parsing, evaluating and printing them
    schedules         Schedules: numbers that change over time, by keyframes or by an expression
    clock             The clock of a run: from a step to its frame, second and beat

In `units`: numbers of steps and frames, `20i`, `50%` or `2s`. In `directions`: named directions
and vector files. In `peers`: keyframes and expressions of other tools, rewritten. In `layout` and
`palettes`: where the things of a sentence go, and colours.
"""

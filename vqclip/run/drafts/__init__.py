"""Drafts before a run: better ones of what its composition is made of.

Begin with `refinement`.

    refinement  Refinement of a thing's draft by a few steps of the pyramid drawer
"""

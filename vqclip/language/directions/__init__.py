"""Directions in a perceptor's space: those that have a name, and those of a vector file.

Begin with `direction_files`.

    direction_files  Named directions, and finding what `vector( )` names
    vector_files     Vector files: numbers for perceptors, by their names
"""

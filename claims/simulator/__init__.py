"""A simulated county.

Claims in the national interface's layout, the truth beside them, and inspectors.

Nothing here imports any other package of the project, and no other package's code may be imported
here: what plants a violation must not share code with what finds it.
"""

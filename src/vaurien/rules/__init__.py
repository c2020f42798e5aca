"""When trouble happens: rules and plans as values, and a plan in force on a proxy.

``notation`` reads rules as users write them, ``pattern`` compiles the patterns in them, ``plan``
holds them, ``active`` decides which of them fire, and ``dice`` draws.
"""

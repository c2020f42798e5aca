"""Values that everything else uses: messages, actions, options, ramps, events.

Law: they are immutable, and import only the standard library and each other.
"""

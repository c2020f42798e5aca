"""Values that everything else speaks of: messages, actions, options, ramps, events.

Law: they are immutable, and know nothing but the standard library and each other.
"""

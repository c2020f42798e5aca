"""The command ``toxiproxy-cli``: the verbs, flags, output and exit statuses of Toxiproxy's own.

``main`` finds the verb; ``arguments`` reads flags as Go's programs do, and shows help;
``verbs`` does what is asked, through ``api``, which works with any server that has
Toxiproxy's API; ``forms`` has the forms of its output: one for programs, one for terminals.
"""

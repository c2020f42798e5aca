"""Find the exchanges at which a program breaks: ``vaurien explore``.

A command is run once, quiet, and what its proxies see is its ``Trace``.  ``points`` are the
exchanges of a trace at which something can happen, ``faults`` what can happen there, and
``scenarios`` both, as rules.  ``command`` runs the command under one scenario, with the proxies
of ``runner``, or with those that it has ``inside``.  It is a ``process``, of which ``waiting``
knows whether it may go on, and which ``keeper`` ends with all that it has started.  ``judge`` says
whether what came of it is a finding.
``explorer`` runs what ``queue`` says, and keeps it in ``memory`` while the ``program`` is the same;
``exploration`` is all that was found, which ``table``, ``files`` and ``html`` tell.
"""

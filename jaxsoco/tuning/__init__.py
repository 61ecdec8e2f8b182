"""Parameters of learners tuned through whole runs: :func:`jaxsoco.tune` and what it stands on.

====================  ============================================================================
module                subject
====================  ============================================================================
``space``             parameters as free coordinates: logarithms, logits, choices
``objective``         what is made small: costs, regrets, ratios; means, quantiles, tails
``trials``            runs of a learner as a function of free coordinates
``methods``           which estimators are valid for which parameters, and why
``estimators``        gradients: ``pathwise``, ``score``, ``evolution``
``designs``           searches without gradients: ``grid``, ``random``, ``halving``
``search``            one step of a search as a pure function of its state
``judge``             values and paired differences on held-out seeds
``tuned``, ``api``    the result, and :func:`jaxsoco.tune`
``table``             ``[tune]`` of an experiment file, with ``fields`` and ``targets``
``folder``            a search on the disk, which goes on after any interruption
``finding``           one learner's search from a file, to its end
``landscape``         the objective over the range, by an ordinary sweep
``running``           ``jaxsoco tune``: all of it, and the sweep that judges
====================  ============================================================================
"""

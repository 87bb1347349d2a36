"""The table of Vincent et al. (2010), measured again on sets that are made anew.

The data sets of Larochelle et al. (2007), digits that are rotated or stand before noise and
photographs, rectangles, convex shapes, are what the claims about denoising autoencoders rest on.
They cannot be relied on to be found any more; here they are made by their recipes, and three ways
to tell their classes are compared: a support vector machine with a Gaussian kernel, a stack of
autoencoders, and a stack of denoising ones::

    python -m studies.variations                     all sets; can be interrupted, and goes on
    python -m studies.variations --sets basic rect --hours 1
    python -m studies.variations --table             the table of what is there so far
    python -m studies.variations --page              docs/variations.md, when all sets are there
    python -m studies.variations --quick             a run on few small examples, in a minute

Each result is written to ``studies/results/variations.jsonl`` as soon as it is there.
"""

"""Models in the formats of other programs; needs the extra ``deeptutorial[export]``, or torch."""

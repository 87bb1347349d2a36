"""The published figures: Vincent et al. (2010), table 3, Journal of Machine Learning Research 11.

Test errors in per cent, and the level of masking that was chosen. All but those of convex were
compared with a reprint of the table; the paper itself was not at hand.
"""

__all__ = ["NOISE", "NOT_COMPARED", "PUBLISHED"]

PUBLISHED = {
    "basic": {"SVM": 3.03, "SAE": 3.46, "SDAE": 2.84},
    "rot": {"SVM": 11.11, "SAE": 10.30, "SDAE": 9.53},
    "bg-rand": {"SVM": 14.58, "SAE": 11.28, "SDAE": 10.30},
    "bg-img": {"SVM": 22.61, "SAE": 23.00, "SDAE": 16.68},
    "bg-img-rot": {"SVM": 55.18, "SAE": 51.93, "SDAE": 43.76},
    "rect": {"SVM": 2.15, "SAE": 2.41, "SDAE": 1.99},
    "rect-img": {"SVM": 24.04, "SAE": 24.05, "SDAE": 21.59},
    "convex": {"SVM": 19.13, "SAE": 18.41, "SDAE": 19.06},
}

NOISE = {
    "basic": 10,
    "rot": 25,
    "bg-rand": 40,
    "bg-img": 25,
    "bg-img-rot": 25,
    "rect": 10,
    "rect-img": 25,
    "convex": 10,
}

NOT_COMPARED = ("convex",)

"""A search over corruption levels, spread over the workers of a Dask cluster.

    pip install 'deeptutorial[sklearn,dask]'
    python examples/search_with_dask.py

The cluster here is one of two processes on this machine. To use one of many, start `dask scheduler`
on one of them and `dask worker tcp://THAT_ONE:8786` on each, and say `Client("tcp://THAT_ONE:8786")`
in place of the two lines about the cluster; nothing else changes. Ray has a backend for joblib too
(`ray.util.joblib`).
"""

import joblib
from distributed import Client, LocalCluster
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from deeptutorial.estimator import DenoisingAutoencoder

if __name__ == "__main__":  # the workers import this file
    X, y = load_digits(return_X_y=True)
    X = X.astype("float32") / 16

    pipeline = make_pipeline(
        DenoisingAutoencoder(n_hidden=200, n_epochs=60, random_state=0),
        LogisticRegression(max_iter=1000),
    )
    levels = [0.0, 0.1, 0.2, 0.3, 0.5]
    search = GridSearchCV(pipeline, {"denoisingautoencoder__corruption_level": levels}, cv=3)

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster),
        joblib.parallel_backend("dask"),
    ):
        search.fit(X, y)

    for level, accuracy in zip(levels, search.cv_results_["mean_test_score"], strict=True):
        print(f"corruption level {level}: accuracy {accuracy:.3f}")
    best = search.best_params_["denoisingautoencoder__corruption_level"]
    print(f"best corruption level: {best}")

"""The pool of threads that evaluates worlds."""

import sklearn.cluster  # noqa: F401 - loads OpenMP
from threadpoolctl import threadpool_info

from aarlab.tools.evaluator.world_run import WorldPool


def test_libraries_use_one_thread_in_the_threads_of_a_pool() -> None:
    with WorldPool(2) as pool:
        libraries = [library for found in pool.map(lambda _: threadpool_info(), range(8)) for library in found]
    assert {library["user_api"] for library in libraries} >= {"blas", "openmp"}
    assert {library["num_threads"] for library in libraries} == {1}

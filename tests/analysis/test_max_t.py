import numpy as np
import pytest
from scipy import stats

from clr.analysis import max_t
from clr.errors import InvalidNumbers


@pytest.mark.parametrize(
    ("arms", "seeds", "two_sided", "published"),
    [(4, 3, True, 3.10), (4, 5, True, 2.68), (4, 10, True, 2.49), (7, 3, True, 2.98), (7, 5, True, 2.76),
     (7, 10, True, 2.65), (4, 3, False, 2.56), (4, 5, False, 2.29), (7, 5, False, 2.43), (7, 10, False, 2.35)],
)  # fmt: skip
def test_critical_values_equal_the_tables(arms, seeds, two_sided, published):
    df = (arms - 1) * (seeds - 1)

    assert max_t.critical_value(arms, df, two_sided=two_sided) == pytest.approx(published, abs=0.005)


@pytest.mark.parametrize(("arms", "df"), [(3, 1), (4, 6), (10, 36), (30, 5)])
def test_the_probability_at_the_critical_value_equals_scipys_multivariate_t(arms, df):
    c = max_t.critical_value(arms, df)
    shape = np.full((arms - 1, arms - 1), 0.5) + 0.5 * np.eye(arms - 1)

    reference = stats.multivariate_t(shape=shape, df=df).cdf(
        np.full(arms - 1, c), lower_limit=np.full(arms - 1, -c), random_state=1
    )

    assert reference == pytest.approx(0.95, abs=2e-4)


def test_two_arms_are_students_t_itself():
    assert max_t.critical_value(2, 4) == float(stats.t.ppf(0.975, 4))
    assert max_t.critical_value(2, 4, two_sided=False) == float(stats.t.ppf(0.95, 4))
    assert max_t.probability(float(stats.t.ppf(0.975, 4)), 2, 4) == pytest.approx(0.95, abs=1e-10)


def test_power_equals_the_noncentral_t():
    assert max_t.power(2.5, 2.0, 12) == pytest.approx(stats.nct.sf(2.0, 12, 2.5) + stats.nct.cdf(-2.0, 12, 2.5))
    assert max_t.power(0.0, max_t.critical_value(2, 9), 9) == pytest.approx(0.05)


@pytest.mark.parametrize(("arms", "df", "level"), [(1, 5, 0.95), (3, 0, 0.95), (3, 5, 1.0), (3, 5, float("nan"))])
def test_arguments_out_of_range_are_refused(arms, df, level):
    with pytest.raises(InvalidNumbers):
        max_t.critical_value(arms, df, level)

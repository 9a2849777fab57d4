"""What `compare --self-test` runs: the arithmetic, on values that were worked out by hand or are in textbooks."""
import unittest

from . import report
from .arithmetic import median, quantile, ranks, spearman
from .figures import Figure, at_least, at_most, less_than, of_samples


class Quantiles(unittest.TestCase):
    def test_median_of_an_odd_number_is_the_one_in_the_middle(self):
        self.assertEqual(median([9, 1, 5]), 5)

    def test_median_of_an_even_number_is_between_the_two_in_the_middle(self):
        self.assertEqual(median([4, 1, 2, 100]), 3)

    def test_median_of_one_is_that_one(self):
        self.assertEqual(median([7]), 7)

    def test_of_nothing_there_is_none(self):
        with self.assertRaises(ValueError):
            median([])

    def test_quantiles_lie_between_the_nearest_values(self):
        values = [10, 20, 30, 40, 50]
        self.assertEqual(quantile(values, 0), 10)
        self.assertEqual(quantile(values, 1), 50)
        self.assertAlmostEqual(quantile(values, 0.1), 14)
        self.assertAlmostEqual(quantile(values, 0.9), 46)

    def test_the_list_is_left_as_it_was(self):
        values = [3, 1, 2]
        median(values)
        self.assertEqual(values, [3, 1, 2])


class Ranks(unittest.TestCase):
    def test_count_from_one(self):
        self.assertEqual(ranks([30, 10, 20]), [3, 1, 2])

    def test_equals_share_the_mean(self):
        self.assertEqual(ranks([1, 2, 2, 3]), [1, 2.5, 2.5, 4])

    def test_the_same_order_is_one_and_the_opposite_minus_one(self):
        self.assertAlmostEqual(spearman([1, 2, 3, 4], [10, 20, 30, 99]), 1)
        self.assertAlmostEqual(spearman([1, 2, 3, 4], [9, 7, 5, 3]), -1)

    def test_without_equals_it_is_the_short_formula(self):
        # 1 - 6 * sum(d^2) / (n * (n^2 - 1)), with the IQ and hours of television that Wikipedia works out: -29/165.
        iq = [106, 100, 86, 101, 99, 103, 97, 113, 112, 110]
        hours = [7, 27, 2, 50, 28, 29, 20, 12, 6, 17]
        self.assertAlmostEqual(spearman(iq, hours), -29 / 165)

    def test_neighbours_that_change_places_cost_little(self):
        swapped = [i ^ 1 for i in range(50)]  # every pair: 1 - 6 * 50 / (50 * 2499)
        self.assertAlmostEqual(spearman(range(50), swapped), 1 - 6 / 2499)

    def test_one_that_is_served_last_instead_of_first_costs_much(self):
        self.assertLess(spearman(range(50), [49, *range(49)]), 0.98)

    def test_what_cannot_be_ranked_is_refused(self):
        for one, other in (([1], [1]), ([1, 2], [1, 2, 3]), ([1, 1], [1, 2])):
            with self.assertRaises(ValueError):
                spearman(one, other)


class Bounds(unittest.TestCase):
    def figure(self, value, who="redlock"):
        return Figure("section", "what", who, "ms", value)

    def test_a_limit_itself_is_within(self):
        self.assertTrue(at_most(self.figure(3), 3).bound.met)
        self.assertFalse(at_most(self.figure(3.1), 3).bound.met)
        self.assertTrue(at_least(self.figure(3), 3).bound.met)
        self.assertFalse(at_least(self.figure(2.9), 3).bound.met)

    def test_of_two_bounds_both_must_be_met(self):
        slow, fast = self.figure(9, "etcdctl lock"), self.figure(1, "etcdctl lock")
        self.assertTrue(less_than(at_most(self.figure(2), 3), slow).bound.met)
        self.assertFalse(less_than(at_most(self.figure(2), 3), fast).bound.met)
        self.assertFalse(less_than(at_most(self.figure(5), 3), slow).bound.met)
        self.assertEqual(less_than(at_most(self.figure(5), 3), slow).bound.text, "at most 3 ms, less than etcdctl lock")

    def test_samples_give_a_median_and_what_most_stay_within(self):
        figure = of_samples("s", "w", "redlock", "ms", range(11))
        self.assertEqual((figure.low, figure.value, figure.high, figure.samples), (1, 5, 9, 11))


class Numbers(unittest.TestCase):
    def test_are_short_and_have_units(self):
        for value, unit, text in ((3.14159, "ms", "3.14 ms"), (251.7, "ms", "252 ms"), (20000, "ms", "20 s"),
                                  (0.0312, "% of a core", "0.0312% of a core"), (0.987654, "", "0.988"), (1.08, "round trips", "1.08 round trips")):
            self.assertEqual(report.number(value, unit), text)


def run():
    suite = unittest.defaultTestLoader.loadTestsFromModule(__import__(__name__, fromlist=["x"]))
    return 0 if unittest.TextTestRunner().run(suite).wasSuccessful() else 1

"""Constraints that can be met, and one that cannot: an exception of C++ that becomes Python's."""

from kiwisolver import Constraint, Solver, UnsatisfiableConstraint, Variable, strength

x, y = Variable("x"), Variable("y")
solver = Solver()
solver.addConstraint(x + y == 10)
solver.addConstraint((x >= 2 * y) | strength.strong)
solver.addConstraint(y >= 3)
solver.updateVariables()
assert abs(x.value() - 2 * y.value()) < 1e-9 and abs(x.value() + y.value() - 10) < 1e-9, (x.value(), y.value())
try:
    solver.addConstraint(y <= 2)
except UnsatisfiableConstraint as error:
    assert isinstance(error.args[0], Constraint)
else:
    raise AssertionError("two and three")
try:
    x + "text"
except TypeError:
    pass
else:
    raise AssertionError("a text")

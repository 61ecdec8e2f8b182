"""The properties that every entry keeps: functions of a learner, judge or case that raise.

Each raises ``AssertionError`` with what was expected and what was met, or
:class:`~jaxsoco.testing.verdicts.NotApplicable`.
"""

"""The one fault suite of all resolvers: `FaultSuite` is inherited by a test of each registry, as the contract is."""

from fault_suite.case import Case, case, replaced
from fault_suite.registry import IMPATIENT, FaultyRegistry
from fault_suite.service import CalledService
from fault_suite.suite import FaultSuite

__all__ = ["IMPATIENT", "CalledService", "Case", "FaultSuite", "FaultyRegistry", "case", "replaced"]

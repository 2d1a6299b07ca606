from simulation.companies.subscription import SUBSCRIPTION
import dataclasses
RETAIL = dataclasses.replace(SUBSCRIPTION, name="retail")

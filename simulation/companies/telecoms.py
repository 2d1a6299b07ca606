from simulation.companies.subscription import SUBSCRIPTION
import dataclasses
TELECOMS = dataclasses.replace(SUBSCRIPTION, name="telecoms")
